// Encoded voices on disk, one safetensors file each: what a restart does not have to encode again. Losing any of them costs
// time, never an answer, so every fault of the disk is logged and answered with "not there".
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import type { Voice } from '../engine/engine.ts'
import { readVoice, writeVoice } from '../engine/voice-file.ts'
import type { Log } from '../log.ts'

const EXTENSION = '.safetensors'
// A process killed while writing leaves its half behind; nobody writes for an hour.
const ABANDONED_AFTER_MS = 3_600_000

export interface VoiceFolder {
  read(name: string): Promise<Voice | undefined>
  /** Afterwards the folder is within its size again: the voices used least recently are gone. */
  write(name: string, voice: Voice): Promise<void>
}

export function createVoiceFolder(folder: string, maxBytes: number, log: Log): VoiceFolder {
  const fileOf = (name: string) => path.join(folder, name + EXTENSION)
  return {
    async read(name) {
      const file = fileOf(name)
      try {
        // A Buffer's slice() shares memory where a Uint8Array's copies, so no Buffer goes further than this.
        const voice = readVoice(new Uint8Array(await readFile(file)))
        const now = new Date()
        await utimes(file, now, now)
        return voice
      } catch (error) {
        if (isMissing(error)) return undefined
        log.warn({ err: error, file }, 'a stored voice cannot be read and will be encoded again')
        await rm(file, { force: true }).catch((cause) => log.warn({ err: cause, file }, 'it cannot be deleted either'))
        return undefined
      }
    },
    async write(name, voice) {
      const file = fileOf(name)
      const half = `${file}.${randomUUID()}.tmp`
      try {
        await mkdir(folder, { recursive: true })
        await writeDurably(half, writeVoice(voice))
        await rename(half, file)
        await prune(folder, maxBytes)
      } catch (error) {
        log.warn({ err: error, file }, 'an encoded voice could not be stored')
        await rm(half, { force: true }).catch(() => {})
      }
    },
  }
}

/** Without the sync a power failure could leave a file of the right length and the wrong bytes. */
async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(bytes)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

/** Several processes may share the folder, so what is there is asked of the disk each time; encoding took a thousand times longer. */
async function prune(folder: string, maxBytes: number): Promise<void> {
  const entries = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const file = path.join(folder, name)
      const { size, mtimeMs } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }))
      return { file, size, mtimeMs }
    }),
  )
  const abandoned = entries.filter(
    ({ file, mtimeMs }) => file.endsWith('.tmp') && mtimeMs < Date.now() - ABANDONED_AFTER_MS,
  )
  const voices = entries.filter(({ file }) => file.endsWith(EXTENSION)).sort((a, b) => b.mtimeMs - a.mtimeMs)
  let total = 0
  const surplus = voices.filter(({ size }) => {
    total += size
    return total > maxBytes
  })
  await Promise.all([...abandoned, ...surplus].map(({ file }) => rm(file, { force: true })))
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
