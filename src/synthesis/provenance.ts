// The mark that every file of ours carries in its container's metadata: that the speech is synthetic, which model, voice and seed made
// it, and a signature by which this installation knows its own. Not a watermark: whoever strips the metadata strips the mark.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { type AudioTags, readInfoChunk } from '../audio/encode/tags.ts'
import { version } from '../config.ts'
import type { ModelName, Voice } from '../engine/engine.ts'

const PROGRAM = 'chatterbox-serverless'
/** IPTC's term for media that an algorithm made after training (https://cv.iptc.org/newscodes/digitalsourcetype/). */
const DIGITAL_SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia'
const MARK = new RegExp(
  `made by ${PROGRAM} ([\\w.+-]{1,32}): (model=(\\w+) voice=([\\w-]{1,80}) seed=(-?\\d{1,16})) signature=([0-9a-f]{64}|none)`,
)

export interface Mark {
  readonly model: ModelName
  /** Id of a stored voice, or `recording-` and a hash of what the engine made of the reference. */
  readonly voice: string
  readonly seed: number
}

export interface FoundMark extends Omit<Mark, 'model'> {
  readonly model: string
  /** Of the program that made the file. */
  readonly version: string
  /** `valid`: signed with this secret. `absent`: made without a server. `invalid`: altered, or another installation's. */
  readonly signature: 'valid' | 'invalid' | 'absent'
}

/** Names a voice that has no id of its own; the same for the same voice, however it was sent. */
export function nameVoice({ tensors }: Voice): string {
  const hash = createHash('sha256')
  for (const name of Object.keys(tensors).sort()) {
    const data = tensors[name]?.data
    if (data) hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return `recording-${hash.digest('hex').slice(0, 16)}`
}

/** What goes into the file. The same mark and secret give the same tags, so that equal requests stay equal files. */
export function tagsOf(mark: Mark, secret: Uint8Array | undefined): AudioTags {
  const fields = `model=${mark.model} voice=${mark.voice} seed=${mark.seed}`
  const signature = secret ? sign(fields, secret) : 'none'
  return {
    encoder: `${PROGRAM} ${version}`,
    comment: `Synthetic speech, made by ${PROGRAM} ${version}: ${fields} signature=${signature}`,
    more: { DIGITALSOURCETYPE: DIGITAL_SOURCE_TYPE },
  }
}

/** The tags of a WAV file of ours by what is before its samples, for the same sound in another container. */
export function tagsOfWav(head: Uint8Array): AudioTags | undefined {
  const found = readInfoChunk(head)
  return found && { ...found, more: { DIGITALSOURCETYPE: DIGITAL_SOURCE_TYPE } }
}

/**
 * Finds the mark anywhere in `file`, so that one survives in whatever container the metadata was copied to. undefined: there is none,
 * which says nothing about where the file comes from.
 */
export function findMark(file: Uint8Array, secret: Uint8Array | undefined): FoundMark | undefined {
  const match = MARK.exec(Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString('latin1'))
  if (!match) return undefined
  const [, program = '', fields = '', model = '', voice = '', seed = '', signature = ''] = match
  return { model, voice, seed: Number(seed), version: program, signature: check(fields, signature, secret) }
}

function check(fields: string, signature: string, secret: Uint8Array | undefined): FoundMark['signature'] {
  if (signature === 'none') return 'absent'
  if (!secret) return 'invalid'
  return timingSafeEqual(Buffer.from(signature), Buffer.from(sign(fields, secret))) ? 'valid' : 'invalid'
}

const sign = (fields: string, secret: Uint8Array): string => createHmac('sha256', secret).update(fields).digest('hex')
