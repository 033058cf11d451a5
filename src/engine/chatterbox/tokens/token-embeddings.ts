// Rows for T3: a token's or speaker's embedding plus the embedding of its position.
import { invariant } from '../../../errors.ts'
import { Session, type Tensor } from '../../runtime/session.ts'

/** Width of a speaker embedding and of a row, and the rows that every step needs, held in memory: speech tokens and positions. */
export class TokenEmbeddings implements AsyncDisposable {
  readonly #session: Session
  readonly width: number
  readonly #speechRows: Float32Array
  readonly #positionRows: Float32Array

  private constructor(session: Session, width: number, speechRows: Float32Array, positionRows: Float32Array) {
    this.#session = session
    this.width = width
    this.#speechRows = speechRows
    this.#positionRows = positionRows
  }

  /** Text rows stay in the file, mapped into memory: of 206 MB a text touches a few pages. */
  static async open(graphFile: string, vocabulary: number, positions: number): Promise<TokenEmbeddings> {
    const session = await Session.open(graphFile, { threads: 1 })
    const width = Number(session.outputs.get('text_rows')?.shape[1])
    const rows = await look(session, { speech_tokens: ids(range(vocabulary)), positions: ids(range(positions)) })
    return new TokenEmbeddings(session, width, rows('speech_rows'), rows('position_rows'))
  }

  get speakerEmbeddingSize(): number {
    return Number(this.#session.inputs.get('speaker_embedding')?.shape[1])
  }

  /** [1 + promptTokens.length, width] at positions 0 …: the speaker, then the speech tokens of the reference recording. */
  async voiceRows(speakerEmbedding: Float32Array, promptTokens: Int32Array): Promise<Float32Array> {
    const speaker = { data: speakerEmbedding, shape: [1, speakerEmbedding.length] }
    const rows = await look(this.#session, { speaker_embedding: speaker })
    const out = new Float32Array((1 + promptTokens.length) * this.width)
    out.set(rows('speaker_rows'))
    for (const [i, token] of promptTokens.entries()) out.set(this.#speechRow(token), (1 + i) * this.width)
    return this.#addPositions(out, 0)
  }

  /** [textTokens.length + 1, width] from `position` on: the text, then the token that starts the speech. */
  async textRows(textTokens: readonly number[], startToken: number, position: number): Promise<Float32Array> {
    const rows = await look(this.#session, { text_tokens: ids(textTokens) })
    const out = new Float32Array((textTokens.length + 1) * this.width)
    out.set(rows('text_rows'))
    out.set(this.#speechRow(startToken), textTokens.length * this.width)
    return this.#addPositions(out, position)
  }

  /** Writes the row of a speech token at a position into `out` [width]. */
  writeSpeechRow(token: number, position: number, out: Float32Array): void {
    out.set(this.#speechRow(token))
    this.#addPositions(out, position)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]()
  }

  #speechRow(token: number): Float32Array {
    const row = this.#speechRows.subarray(token * this.width, (token + 1) * this.width)
    invariant(row.length === this.width, `${token} is not a speech token`)
    return row
  }

  #addPositions(rows: Float32Array, first: number): Float32Array {
    const begin = first * this.width
    invariant(begin + rows.length <= this.#positionRows.length, `no embedding for position ${first} and on`)
    for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] ?? 0) + (this.#positionRows[begin + i] ?? 0)
    return rows
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const ids = (values: readonly number[]): Tensor => ({
  data: BigInt64Array.from(values, BigInt),
  shape: [values.length],
})

/** Runs the graph with the inputs that are not given left empty. */
async function look(
  session: Session,
  given: Readonly<Record<string, Tensor>>,
): Promise<(name: string) => Float32Array> {
  const speakerSize = Number(session.inputs.get('speaker_embedding')?.shape[1])
  const nobody = { data: new Float32Array(0), shape: [0, speakerSize] }
  const empty = { text_tokens: ids([]), speech_tokens: ids([]), positions: ids([]), speaker_embedding: nobody }
  const results = await session.run({ ...empty, ...given })
  return (name) => {
    const data = results[name]?.data
    invariant(data instanceof Float32Array, `${name} are floats`)
    return data
  }
}
