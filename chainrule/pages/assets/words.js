// The texts of a page. English stands in the code; WORDS has for each text what it is in the page's language, if that is another.

const cut = new Map(); // the strings of a template -> what it says, cut at its places

/** t`${1} of ${2}`: "1 of 2", or what the catalogue has for "{0} of {1}", with its places filled. */
function t(strings, ...given) {
  if (!cut.has(strings)) {
    const text = strings.reduce((before, after, i) => `${before}{${i - 1}}${after}`);
    cut.set(strings, (WORDS[text] ?? text).split(/\{(\d)\}/));
  }
  return cut.get(strings).map((piece, i) => (i % 2 ? given[piece] : piece)).join("");
}
