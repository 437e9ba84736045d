// Numbers in the boxes of a picture, which are only as wide as the numbers that they were drawn with.

/** The cells of an SVG text: its tspans, or the text itself. */
function cellsOf(text) {
  const spans = [...text.querySelectorAll("tspan")];
  return spans.length ? spans : [text];
}

/** Set the cells of some SVG texts narrower where they are longer than the room between them and what is to their left. */
function squeeze(texts) {
  const all = texts.flatMap(cellsOf);
  for (const cell of all) cell.removeAttribute("textLength");
  const rooms = texts.flatMap(roomsOf); // measured all before any is changed: each change costs a new layout
  const lengths = all.map((cell) => cell.getComputedTextLength());
  all.forEach((cell, i) => {
    if (rooms[i] <= 0 || lengths[i] <= rooms[i]) return;
    cell.setAttribute("lengthAdjust", "spacingAndGlyphs");
    cell.setAttribute("textLength", rooms[i].toFixed(1));
  });
}

/** The room of each cell: from where the one before ends, or the word at the text's start, to where it ends itself. */
function roomsOf(text) {
  const word = text.previousElementSibling;
  const isLabelled = word?.matches(".word, .name");
  const start = isLabelled ? Number(word.getAttribute("x")) + word.getComputedTextLength() : 0;
  let [left, row] = [start, null];
  return cellsOf(text).map((cell) => {
    const [end, y] = [Number(cell.getAttribute("x")), cell.getAttribute("y")];
    if (y !== row) [left, row] = [start, y];
    const room = end - left - 8;
    if (cell.textContent) left = end;
    return room;
  });
}
