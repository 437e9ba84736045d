// For those who hear the page: what a box says, and a walk from box to box along the edges.

/** A box in words: what it is, its value and gradient as far as they are known, and its badges. */
function spoken(node, snapshot) {
  const value = snapshot.updated.get(node.id) ?? (snapshot.computed.has(node.id) ? node.value : null);
  const gradient = snapshot.gradients.get(node.id);
  const [arrived, expected] = [snapshot.arrived.get(node.id) ?? 0, incoming[node.id].length];
  const state = isComplete(node, snapshot) ? t`complete` : t`${arrived} of ${expected} contributions`;
  const gets = node.kind !== "constant" && (expected || node === nodes.at(-1));
  return [
    node.label,
    node.call,
    snapshot.computed.has(node.id) ? t`value ${value ? line(value) : t`not recorded`}` : t`not computed yet`,
    gets && (gradient === undefined ? t`no gradient yet` : t`gradient ${gradient ? line(gradient) : t`unknown`}, ${state}`),
    ...node.badges.filter((badge) => isDue(badge, node, snapshot) && isUncovered(node)).map(({ text }) => text),
  ].filter(Boolean).join(", ");
}

const walk = { edge: null, beside: [] }; // the edge that the walk came by, and [edge, node] of all that it could have gone to

/** Along an edge from the box that has the focus: to an operand, or to a use. */
function walkAlong(isBack) {
  const from = boxOf(document.activeElement) ?? player.picked ?? snapshotAt(player.position).step?.node ?? nodes.length - 1;
  const ways = isBack ? operands[from].map((edge) => [edge, edge.source]) : uses(from).map((edge) => [edge, edge.target]);
  if (!ways.length) return say(isBack ? t`${nodes[from].label} has no operands.` : t`${nodes[from].label} is not used any further.`);
  walk.beside = ways;
  return arrive(ways[0]);
}

/** Along the edge before or behind the one that the walk came by. */
function walkBeside(by) {
  const at = walk.beside.findIndex(([edge]) => edge === walk.edge);
  return walk.beside[at + by] ? arrive(walk.beside[at + by]) : say(t`There is no other edge.`);
}

function uses(id) {
  return edges.filter((edge) => edge.source === id);
}

function arrive([edge, id]) {
  walk.edge = edge;
  const place = walk.beside.findIndex(([other]) => other === edge) + 1;
  const many = walk.beside.length > 1 ? ` (${t`${place} of ${walk.beside.length}`})` : "";
  const [source, target] = [nodes[edge.source].label, nodes[edge.target].label];
  const passed = snapshotAt(player.position).passed.has(edge.id);
  const flow = !edge.flows ? `, ${t`no gradient flows back`}` : passed ? `, ${formula(edge)}` : "";
  say(t`Along the edge from ${source} to ${target}, its ${edge.input}${many}${flow}.`);
  pictures.get(player.figure).stands(id)?.focus();
}

/** The node of the box that has the focus. */
function boxOf(element) {
  const box = element?.closest?.(".view .node, .view .copy");
  return box ? nodeOf(box) : null;
}

/** Say something to those who hear the page, and show it to nobody. */
function say(text) {
  byId("spoken").textContent = text;
}
