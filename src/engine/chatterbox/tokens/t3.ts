// The T3 network with its cache: rows in, logits out. Knows no text, no sampling and no schedule.
import { invariant } from '../../../errors.ts'
import { Session } from '../../runtime/session.ts'
import { KvCache, type KvDimensions } from './kv-cache.ts'

export interface T3Options {
  readonly threads: number
  /** Sequences that can be in the cache at the same time. */
  readonly slots: number
  /** Longest sequence: conditioning, text and speech tokens. */
  readonly positions: number
  /** False forces the copying way that is otherwise taken only where the runtime cannot append in place. */
  readonly inPlace?: boolean
}

/** One forward pass over neighbouring slots. */
export interface T3Step {
  readonly firstSlot: number
  /** Positions already filled, per slot. */
  readonly lengths: readonly number[]
  /** [lengths.length, rows, width]: the same number of new rows for each slot. */
  readonly embeddings: Float32Array
}

export class T3 implements AsyncDisposable {
  readonly #session: Session
  readonly cache: KvCache
  readonly width: number
  readonly vocabulary: number
  /** Whether keys and values are appended in place; otherwise each step copies the cache, which costs 30 to 60 % more time. */
  inPlace = false
  /** Decode steps recur with the same batch; their arrays are bound once. */
  readonly #boundSteps = new Map<string, BoundStep>()

  private constructor(session: Session, options: T3Options) {
    const dimensions = kvDimensions(session, options)
    this.#session = session
    this.cache = new KvCache(dimensions)
    this.width = dimensions.heads * dimensions.headWidth
    this.vocabulary = Number(session.outputs.get('logits')?.shape[1])
  }

  /** Loads the graph and finds out by a run whether its cache can be appended to in place. */
  static async open(graphFile: string, options: T3Options): Promise<T3> {
    const session = await Session.open(graphFile, { threads: options.threads, keepActivations: true })
    const t3 = new T3(session, options)
    t3.inPlace = options.inPlace !== false && (await t3.#appendsInPlace())
    return t3
  }

  /**
   * Appends the new rows to their sequences and returns the logits after the last row of each, [slots, vocabulary]. The array is reused
   * by the next call. The logits of a sequence depend on that sequence alone (except in int4, see compile/quantize.ts), provided that
   * no call appends a single row of a prefill: attention adds up in another order for one row than for several.
   */
  async forward(step: T3Step): Promise<Float32Array> {
    const { lengths, embeddings } = step
    const rows = embeddings.length / (lengths.length * this.width)
    invariant(Number.isInteger(rows) && rows > 0, `${embeddings.length} values for ${lengths.length} sequences`)
    const longest = Math.max(...lengths) + rows
    invariant(longest <= this.cache.dimensions.positions, `a sequence of ${longest} positions does not fit`)
    return this.inPlace ? this.#forwardInPlace(step, rows) : this.#forwardCopying(step, rows)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]()
  }

  async #forwardInPlace({ firstSlot, lengths, embeddings }: T3Step, rows: number): Promise<Float32Array> {
    const batch = lengths.length
    const key = `${firstSlot}+${batch}`
    const bound = (rows === 1 ? this.#boundSteps.get(key) : undefined) ?? this.#bind(firstSlot, batch, rows)
    if (rows === 1) this.#boundSteps.set(key, bound)
    bound.embeddings.set(embeddings)
    setLengths(bound, lengths, rows)
    await bound.run()
    return bound.logits
  }

  /** Lets the attention work on a copy of the cache and writes the new keys and values into the cache itself. */
  async #forwardCopying({ firstSlot, lengths, embeddings }: T3Step, rows: number): Promise<Float32Array> {
    const { layers } = this.cache.dimensions
    const batch = lengths.length
    const positions = { last: new Int32Array(batch), total: new Int32Array(1) }
    setLengths(positions, lengths, rows)
    const names = Array.from({ length: layers }, (_, layer) => `qkv${layer}`)
    const results = await this.#session.run(
      {
        inputs_embeds: { data: embeddings, shape: [batch, rows, this.width] },
        seqlens_k: { data: positions.last, shape: [batch] },
        total_len: { data: positions.total, shape: [1] },
        ...this.#pasts(firstSlot, batch),
      },
      ['logits', ...names],
    )
    for (const [layer, name] of names.entries()) {
      const qkv = floats(results[name]?.data)
      const size = rows * 3 * this.width
      for (const [i, length] of lengths.entries()) {
        this.cache.append(layer, firstSlot + i, length, rows, qkv.subarray(i * size, (i + 1) * size))
      }
    }
    return floats(results.logits?.data)
  }

  #bind(firstSlot: number, batch: number, rows: number): BoundStep {
    const embeddings = new Float32Array(batch * rows * this.width)
    const last = new Int32Array(batch)
    const total = new Int32Array(1)
    const logits = new Float32Array(batch * this.vocabulary)
    const feeds = {
      inputs_embeds: { data: embeddings, shape: [batch, rows, this.width] },
      seqlens_k: { data: last, shape: [batch] },
      total_len: { data: total, shape: [1] },
    }
    const pasts = this.#pasts(firstSlot, batch)
    const presents = Object.fromEntries(
      Object.entries(pasts).map(([name, tensor]) => [name.replace('past', 'present'), tensor]),
    )
    const run = this.#session.bindInPlace(
      { ...feeds, ...pasts },
      { ...presents, logits: { data: logits, shape: [batch, this.vocabulary] } },
    )
    return { embeddings, last, total, logits, run: () => run.run() }
  }

  #pasts(firstSlot: number, batch: number) {
    return Object.fromEntries(
      Array.from({ length: this.cache.dimensions.layers }, (_, layer) => [
        [`past_k${layer}`, this.cache.tensor(layer, 'keys', firstSlot, batch)],
        [`past_v${layer}`, this.cache.tensor(layer, 'values', firstSlot, batch)],
      ]).flat(),
    )
  }

  /** One row into an empty slot must fill position 0 of every layer, leave position 1 alone, and give logits. */
  async #appendsInPlace(): Promise<boolean> {
    const { layers, headWidth } = this.cache.dimensions
    const embeddings = Float32Array.from({ length: this.width }, (_, i) => Math.sin(i + 1))
    const logits = await this.#forwardInPlace({ firstSlot: 0, lengths: [0], embeddings }, 1)
    const written = Array.from({ length: layers }, (_, layer) =>
      (['keys', 'values'] as const).every((kind) => {
        const head = floats(this.cache.tensor(layer, kind, 0, 1).data)
        const filled = (position: number) =>
          head.subarray(position * headWidth, (position + 1) * headWidth).some((value) => value !== 0)
        return filled(0) && !filled(1)
      }),
    )
    return written.every(Boolean) && logits.some((logit) => logit !== 0)
  }
}

interface BoundStep {
  readonly embeddings: Float32Array
  readonly last: Int32Array
  readonly total: Int32Array
  readonly logits: Float32Array
  run(): Promise<void>
}

/** GroupQueryAttention wants the index of each sequence's last row, and the longest length. */
function setLengths(
  { last, total }: Pick<BoundStep, 'last' | 'total'>,
  lengths: readonly number[],
  rows: number,
): void {
  for (const [i, length] of lengths.entries()) last[i] = length + rows - 1
  total[0] = Math.max(...lengths) + rows
}

function kvDimensions(session: Session, { slots, positions }: T3Options): KvDimensions {
  const past = session.inputs.get('past_k0')?.shape
  invariant(past, 'the graph is not a T3')
  const layers = [...session.inputs.keys()].filter((name) => name.startsWith('past_k')).length
  return { layers, heads: Number(past[1]), headWidth: Number(past[3]), slots, positions }
}

function floats(data: unknown): Float32Array {
  invariant(data instanceof Float32Array, 'the graph returned something else than floats')
  return data
}
