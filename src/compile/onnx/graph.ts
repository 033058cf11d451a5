// A graph being built: inputs, weights, nodes, outputs. Shapes are checked while building; weights are read when it is saved.
// Operators by name are in operators.ts; here is only what every node has in common.
import { invariant } from '../../errors.ts'
import { ELEMENT_BYTES, type ElementType, type Tensor } from '../tensor.ts'
import { ATTRIBUTE_TYPE, type AttributeProto, type NodeProto } from './proto.ts'
import { type Shape, showShape } from './shapes.ts'

/** An edge of the graph. `float32-sequence` exists for one purpose: the language model's output that is never converted. */
export interface Value {
  readonly graph: Graph
  readonly name: string
  readonly dtype: ElementType | 'float32-sequence'
  readonly shape: Shape
}

export type Attribute = number | string | readonly number[] | { readonly float: number } | { readonly floats: number[] }

/** What a node yields; the name is made up unless it becomes an output. */
export interface ResultType {
  readonly dtype: Value['dtype']
  readonly shape: Shape
}

export interface NodeOptions {
  /** Numbers are ints unless wrapped in `{ float }`; undefined ones are left out. */
  readonly attributes?: Readonly<Record<string, Attribute | undefined>>
  /** Operator domain; the default is ONNX's own, `com.microsoft` holds ONNX Runtime's. */
  readonly domain?: '' | 'com.microsoft'
}

export interface GraphOptions {
  /** Also expose the values named by `probe()` as outputs. For parity tests: they keep ONNX Runtime from fusing across them. */
  readonly probes?: boolean
}

/** Weights up to this size are stored inside the `.onnx` file: shapes, scalars, axes. */
const MAX_INLINE_BYTES = 1024

/**
 * Builds one ONNX graph (opset 21 plus com.microsoft 1).
 * ```ts
 * const graph = new Graph('voice-encoder')
 * const mel = graph.input('mel', 'float32', ['partials', 160, 40])
 * const projected = relu(linear(mel, weights.at('proj'), 40, 256))
 * graph.output('embeds', projected)
 * saveGraph(graph, folder)                // save.ts: voice-encoder.onnx + voice-encoder.bin
 * ```
 */
export class Graph {
  readonly name: string
  readonly inputs: Value[] = []
  readonly outputs: { readonly name: string; readonly value: Value }[] = []
  readonly nodes: NodeProto[] = []
  /** Small tensors kept in the graph file, and large ones for the `.bin`, in the order of their first use. */
  readonly inlineWeights: Tensor[] = []
  readonly externalWeights: Tensor[] = []
  readonly #options: GraphOptions
  readonly #weightNames = new Set<string>()
  readonly #constants = new Map<string, Value>()
  #nextValue = 0

  constructor(name: string, options: GraphOptions = {}) {
    this.name = name
    this.#options = options
  }

  input(name: string, dtype: ElementType, shape: Shape): Value {
    const value = this.#value(name, dtype, shape)
    this.inputs.push(value)
    return value
  }

  /** Makes a value an output under this name; outputs keep the order of these calls. */
  output(name: string, value: Value): void {
    invariant(value.graph === this, `output ${name} belongs to another graph`)
    invariant(!this.outputs.some((output) => output.name === name), `two outputs are called ${name}`)
    this.outputs.push({ name, value })
  }

  /** Makes an inner value visible to parity tests; does nothing unless the graph was made with `probes`. */
  probe(name: string, value: Value): void {
    if (this.#options.probes) this.output(name, value)
  }

  /** A weight of the checkpoint or computed from it. The name must be unique within the graph. */
  weight(name: string, tensor: Tensor): Value {
    invariant(!this.#weightNames.has(name), `two weights of ${this.name} are called ${name}`)
    this.#weightNames.add(name)
    const bytes = tensor.shape.reduce((product, size) => product * size, ELEMENT_BYTES[tensor.dtype])
    const named = { ...tensor, name }
    if (bytes <= MAX_INLINE_BYTES) this.inlineWeights.push(named)
    else this.externalWeights.push(named)
    return this.#value(name, tensor.dtype, tensor.shape)
  }

  /** A small constant, shared by everyone who asks for the same one. Without a shape: a scalar for one number, else a list. */
  constant(
    dtype: 'float32' | 'int64' | 'int32' | 'uint8',
    data: number | readonly number[],
    shape?: readonly number[],
  ): Value {
    const list = typeof data === 'number' ? [data] : data
    const dims = shape ?? (typeof data === 'number' ? [] : [list.length])
    const key = `${dtype}[${dims}](${list.map((item) => (Object.is(item, -0) ? '-0' : item))})`
    const known = this.#constants.get(key)
    if (known) return known
    const value = this.weight(`const_${this.#constants.size}`, {
      name: key,
      dtype,
      shape: dims,
      read: () => {
        if (dtype === 'float32') return Float32Array.from(list)
        if (dtype === 'int32') return Int32Array.from(list)
        if (dtype === 'uint8') return Uint8Array.from(list)
        return BigInt64Array.from(list, BigInt)
      },
    })
    this.#constants.set(key, value)
    return value
  }

  /** Adds a node of any operator with the result types given by the caller. An input that is left out is `undefined`. */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    results: readonly ResultType[],
    options: NodeOptions = {},
  ): Value[] {
    const index = this.nodes.length
    for (const input of inputs)
      invariant(!input || input.graph === this, `${operator} ${index} takes ${input?.name} of another graph`)
    const values = results.map(({ dtype, shape }) => this.#value(`v${this.#nextValue++}`, dtype, shape))
    this.nodes.push({
      name: `${operator}_${index}`,
      opType: operator,
      domain: options.domain ?? '',
      input: inputs.map((input) => input?.name ?? ''),
      output: values.map((value) => value.name),
      attribute: Object.entries(options.attributes ?? {}).flatMap(([name, value]) =>
        value === undefined ? [] : [encodeAttribute(name, value)],
      ),
    })
    return values
  }

  /** `node` for the usual case of one result. */
  node1(
    operator: string,
    inputs: readonly (Value | undefined)[],
    result: ResultType,
    options: NodeOptions = {},
  ): Value {
    const [value] = this.node(operator, inputs, [result], options)
    invariant(value, `${operator} has a result`)
    return value
  }

  #value(name: string, dtype: Value['dtype'], shape: Shape): Value {
    for (const dimension of shape)
      invariant(
        typeof dimension === 'string' || Number.isSafeInteger(dimension),
        `${name} has shape ${showShape(shape)}`,
      )
    return { graph: this, name, dtype, shape }
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

function encodeAttribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'string') return { name, type: ATTRIBUTE_TYPE.string, s: utf8(value) }
  if (typeof value === 'number') {
    invariant(Number.isSafeInteger(value), `attribute ${name} = ${value} is not an integer; wrap it in { float }`)
    return { name, type: ATTRIBUTE_TYPE.int, i: value }
  }
  if ('float' in value) return { name, type: ATTRIBUTE_TYPE.float, f: value.float }
  if ('floats' in value) return { name, type: ATTRIBUTE_TYPE.floats, floats: value.floats }
  return { name, type: ATTRIBUTE_TYPE.ints, ints: value }
}
