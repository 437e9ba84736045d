// The texts of a page. English stands in the code; WORDS has for each text what it is in the page's language, if that is another.

/** t`${1} of ${2}`: "1 of 2", or what the catalogue has for "{0} of {1}", with its places filled. */
function t(strings, ...given) {
  const text = strings.reduce((before, after, i) => `${before}{${i - 1}}${after}`);
  return (WORDS[text] ?? text).replace(/\{(\d)\}/g, (_, place) => given[place]);
}
