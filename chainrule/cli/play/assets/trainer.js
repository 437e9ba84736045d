// The training of a network: its recorded programs, gone through by the interpreter. What a layer, a loss or an optimiser does
// is not said here: it stands in the programs.

class Trainer {
  /** `made` is what network.made() wrote: programs, points, the first weights. */
  constructor(made) {
    Object.assign(this, made);
    this.points = [this.x, this.y.map((y) => [y])].map((rows) => this.rows(rows));
    this.reset();
  }

  reset() {
    this.steps = 0;
    this.state = new Map([...this.step.stores.map(([input]) => [input, this.first(this.step, input)])]);
    this.weights = this.step.stores.find(([input]) => input in this.step.begins)[0];
    this.last = null;
  }

  first(program, input) {
    const [shape, dtype] = program.forms[program.code[input][1]];
    const data = program.values[input] ?? this.start;
    return { shape, dtype, data: Float64Array.from(data) };
  }

  rows(rows) {
    return { shape: [rows.length, rows[0].length], dtype: "float32", data: Float64Array.from(rows.flat(), Math.fround) };
  }

  /** One step on the next batch, at the learning rate `rate`, as a generator that gives way after each instruction. Returns the loss. */
  *training(rate) {
    const { given, stores, returned, counter, drawn } = this.step;
    const batch = this.order[this.steps % this.order.length];
    const inputs = new Map(this.state);
    [this.x, this.y.map((y) => [y])].forEach((rows, k) => inputs.set(given[`argument ${k}`], this.rows(batch.map((i) => rows[i]))));
    if ("rate" in given) inputs.set(given.rate, rate);
    if ("count" in given) inputs.set(given.count, this.steps + 1);
    if ("counter" in given) inputs.set(given.counter, counter + this.steps * drawn);
    for (const [input, data] of Object.entries(this.step.arrays)) if (!inputs.has(Number(input))) inputs.set(Number(input), constant(this.step, input, data));
    this.last = yield* replaying(this.step, inputs);
    for (const [input, result] of stores) this.state.set(input, this.last[result]);
    this.steps += 1;
    return this.last[returned[0]].data[0];
  }

  train(rate) {
    return finished(this.training(rate));
  }

  /** The weights of all layers in a row. */
  flat() {
    return this.state.get(this.weights).data;
  }

  /** {losses, scores: of all points; layers: the outputs of each hidden layer on the grid; score: that of the grid}, with the weights
   * of now, as a generator that gives way after each instruction. */
  *seeing(grid) {
    const { given, begins, returned } = this.look;
    const inputs = new Map([...this.points, grid].map((array, k) => [given[`argument ${k}`], array]));
    for (const [input, place] of Object.entries(begins)) {
      const [shape, dtype] = this.look.forms[this.look.code[input][1]];
      inputs.set(Number(input), { shape, dtype, data: this.flat().slice(place, place + size(shape)) });
    }
    for (const [input, data] of Object.entries(this.look.arrays)) if (!inputs.has(Number(input))) inputs.set(Number(input), constant(this.look, input, data));
    const results = yield* replaying(this.look, inputs);
    const [losses, scores, ...layers] = returned.map((number) => results[number]);
    return { losses: losses.data, scores: scores.data, score: layers.pop().data, layers };
  }

  see(grid) {
    return finished(this.seeing(grid));
  }

  /** The mean size of the gradient of each weight matrix in the last step. */
  gradients() {
    return this.parameters.flatMap(([name], i) => {
      if (!this.last || !name.endsWith("weight")) return [];
      const { data } = this.last[this.step.gradients[i]];
      return [data.reduce((sum, g) => sum + Math.abs(g), 0) / data.length];
    });
  }
}

function constant(program, input, data) {
  return decoded(program.forms[program.code[input][1]], data);
}

/** The means of the losses that were learned from, and of the others. */
function means(losses, n) {
  const mean = (part) => part.reduce((sum, x) => sum + x, 0) / part.length;
  return [mean(losses.slice(0, n)), mean(losses.slice(n))];
}
