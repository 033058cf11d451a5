// One ONNX graph, run by name with checked shapes; the only door to onnxruntime-node. Knows no model.
//
// The binding (1.30) runs a graph synchronously on the calling thread and copies every fetched output into a new buffer, preallocated or
// not. Small outputs go that way (`run`). A cache of hundreds of MB cannot: `bindInPlace` lets a graph write straight into the caller's
// arrays and leaves out the copies.
// biome-ignore-start assist/source/organizeImports: the switch must be thrown before the library is loaded
import './no-telemetry.ts'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { invariant } from '../../errors.ts'
// biome-ignore-end assist/source/organizeImports: see above

export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array | Int8Array

/** Row-major values with their shape. Inputs are read in place and never kept beyond the run. */
export interface Tensor {
  readonly data: TensorData
  readonly shape: readonly number[]
}

/** The values of an output that must be float32. */
export function floatsOf(tensor: Tensor | undefined): Float32Array {
  invariant(tensor?.data instanceof Float32Array, 'the graph returned something else than floats')
  return tensor.data
}

export interface SessionOptions {
  /** Threads inside one operator. */
  readonly threads: number
  /** Keep freed activations for the next run. Faster where shapes repeat, more memory where they vary. Default off. */
  readonly keepActivations?: boolean
  /**
   * Keep a copy of the weights in the order in which products read them, on the heap. Loading costs 3 ms a megabyte, each run then a tenth
   * less. Off: weights stay in their file, mapped into memory. Default on.
   */
  readonly repackWeights?: boolean
}

/**
 * How long a thread without work looks for more before it sleeps. Sleeping between any two operators makes a step of the language model a
 * fifth slower; looking for milliseconds, ONNX Runtime's default, doubles its time where other processes want the cores
 * (docs/lab-notes.md).
 */
const SPIN_MICROSECONDS = 100

type ElementType = 'float32' | 'int32' | 'int64' | 'uint8' | 'int8'
interface Port {
  readonly type: string
  /** A name stands for a size that is free, and the same wherever that name occurs. */
  readonly shape: readonly (number | string)[]
}

/** First output of a graph that offers in-place runs: a sequence, which the binding refuses to convert – see bindInPlace. */
export const UNFETCHABLE_OUTPUT = 'unfetchable'
/** What binding 1.30 says when it meets a sequence among the outputs. The run itself is complete by then. */
const CONVERSION_REFUSED = 'Non tensor type is temporarily not supported.'

/** A run whose inputs and outputs are fixed arrays: change their contents, run, read. */
export interface BoundRun {
  run(): Promise<void>
}

export class Session implements AsyncDisposable {
  readonly #session: InferenceSession
  readonly inputs: ReadonlyMap<string, Port>
  readonly outputs: ReadonlyMap<string, Port>

  private constructor(session: InferenceSession) {
    this.#session = session
    this.inputs = portsOf(session.inputMetadata)
    this.outputs = portsOf(session.outputMetadata)
  }

  /** Loads `graphFile` (with the external data beside it). Blocks the calling thread, for a large graph for seconds. */
  static async open(graphFile: string, options: SessionOptions): Promise<Session> {
    const session = await InferenceSession.create(graphFile, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      enableCpuMemArena: options.keepActivations ?? false,
      enableMemPattern: options.keepActivations ?? false,
      extra: {
        session: {
          disable_prepacking: options.repackWeights === false ? '1' : '0',
          intra_op: { allow_spinning: '1', spin_duration_us: String(SPIN_MICROSECONDS) },
        },
      },
    })
    return new Session(session)
  }

  /**
   * Runs the graph on `feeds` (all inputs, exact types and shapes) and returns the outputs asked for, all by default.
   * Each call is one task of the event loop: messages are handled between two runs, never within one.
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: readonly string[] = [...this.outputs.keys()].filter((name) => name !== UNFETCHABLE_OUTPUT),
  ): Promise<Record<string, Tensor>> {
    this.#check(feeds, this.inputs, new Map())
    const results = await this.#session.run(toOrtTensors(feeds), outputs)
    return Object.fromEntries(outputs.map((name) => [name, fromOrtTensor(name, results[name])]))
  }

  /**
   * Fixes the arrays of a run. Outputs are written into the arrays given; an output may be given the very array of an input (its past),
   * and an operator that can, appends to it in place. Nothing is copied or allocated per run.
   *
   * How: the graph's first output is a sequence. The binding converts outputs in graph order after the run has ended, refuses the
   * sequence, and so never comes to copy the others, which the run has already written where they belong. This holds for the pinned
   * version only, so whoever relies on it tests it at start (tokens/kv-cache.ts).
   */
  bindInPlace(feeds: Readonly<Record<string, Tensor>>, outputs: Readonly<Record<string, Tensor>>): BoundRun {
    invariant(this.outputs.keys().next().value === UNFETCHABLE_OUTPUT, 'the graph offers no in-place runs')
    const sizes = new Map<string, number>()
    this.#check(feeds, this.inputs, sizes)
    for (const name of Object.keys(outputs)) invariant(this.outputs.has(name), `the graph has no output ${name}`)
    this.#check(outputs, new Map([...this.outputs].filter(([name]) => name in outputs)), sizes)
    // One OrtTensor per distinct array: GroupQueryAttention recognises a shared past by its address.
    const tensors = new Map<TensorData, OrtTensor>()
    const ortFeeds = toOrtTensors(feeds, tensors)
    const fetches = { [UNFETCHABLE_OUTPUT]: null, ...toOrtTensors(outputs, tensors) }
    return {
      run: async () => {
        try {
          await this.#session.run(ortFeeds, fetches)
        } catch (error) {
          if (!(error instanceof Error && error.message === CONVERSION_REFUSED)) throw error
        }
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release()
  }

  /** A wrong shape would be read or written out of bounds by native code, so all of them are checked here, by name. */
  #check(
    tensors: Readonly<Record<string, Tensor>>,
    ports: ReadonlyMap<string, Port>,
    sizes: Map<string, number>,
  ): void {
    for (const name of Object.keys(tensors)) invariant(ports.has(name), `the graph has no input ${name}`)
    for (const [name, port] of ports) {
      const tensor = tensors[name]
      invariant(tensor, `${name} is missing`)
      const { data, shape } = tensor
      const found = `${elementType(data)} [${shape}]`
      const demanded = `${port.type} [${port.shape}]`
      const fits =
        elementType(data) === port.type &&
        shape.length === port.shape.length &&
        data.length === shape.reduce((product, size) => product * size, 1) &&
        shape.every((size, axis) => {
          const expected = port.shape[axis]
          if (typeof expected !== 'string') return size === expected
          if (!sizes.has(expected)) sizes.set(expected, size)
          return expected === '' || sizes.get(expected) === size
        })
      invariant(fits, `${name} is ${found} with ${data.length} values; the graph takes ${demanded}`)
    }
  }
}

function portsOf(metadata: readonly InferenceSession.ValueMetadata[]): ReadonlyMap<string, Port> {
  return new Map(
    metadata.map((port) => [
      port.name,
      port.isTensor ? { type: port.type, shape: port.shape } : { type: 'sequence', shape: [] },
    ]),
  )
}

function elementType(data: TensorData): ElementType {
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof BigInt64Array) return 'int64'
  return data instanceof Uint8Array ? 'uint8' : 'int8'
}

function toOrtTensors(
  tensors: Readonly<Record<string, Tensor>>,
  known: Map<TensorData, OrtTensor> = new Map(),
): Record<string, OrtTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, shape }]) => {
      const tensor = known.get(data) ?? new OrtTensor(elementType(data), data, shape)
      known.set(data, tensor)
      return [name, tensor]
    }),
  )
}

function fromOrtTensor(name: string, value: OrtTensor | undefined): Tensor {
  invariant(value, `the graph returned no ${name}`)
  return { data: value.data as TensorData, shape: value.dims }
}
