// The files of a model from its hub repository into a folder: all of one commit, checked, continued where an earlier pull ended.
import { mkdir, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { InstallableModel } from '../../engine/installed-models.ts'
import { filesOf } from '../checkpoint-files.ts'
import { HubError } from './hub-error.ts'
import { describeHubFile, downloadHubFile, type HubFile, type HubRepository } from './hub-file.ts'
import type { RetryOptions } from './retries.ts'

export const REPOSITORIES: Readonly<Record<InstallableModel, string>> = {
  turbo: 'ResembleAI/chatterbox-turbo',
  nano: 'ResembleAI/chatterbox-nano',
}

export interface PullProgress {
  readonly file: string
  /** Of all files together. */
  readonly bytes: number
  readonly totalBytes: number
}

export interface PullOptions extends HubRepository, RetryOptions {
  readonly model: InstallableModel
  /** Where the files go; made if need be. */
  readonly folder: string
  readonly onProgress?: (progress: PullProgress) => void
}

export interface PulledCheckpoint {
  /** The commit all files are from, where the hub tells. */
  readonly commit: string | undefined
  readonly bytes: number
}

/** Throws HubError: refused, incomplete, damaged, or no room for it. */
export async function pullCheckpoint(options: PullOptions, signal: AbortSignal): Promise<PulledCheckpoint> {
  const { required, optional } = filesOf(options.model)
  let repository: HubRepository = options
  const files: HubFile[] = []
  for (const name of [...required, ...optional]) {
    const file = await describeHubFile(repository, name, options, signal)
    if (file) files.push(file)
    else if (required.includes(name))
      throw new HubError(`${options.endpoint} has no ${name} in ${options.repository} at ${options.revision}.`)
    // A push between two files must not mix two versions of the model.
    if (file?.commit) repository = { ...repository, revision: file.commit }
  }
  await mkdir(options.folder, { recursive: true })
  await demandSpace(files, options.folder)

  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  for (const file of files) {
    const onProgress = (bytes: number) => options.onProgress?.({ file: file.name, bytes: before + bytes, totalBytes })
    await downloadHubFile(repository, file, options.folder, { ...options, onProgress }, signal)
    before += file.bytes
  }
  return { commit: files.find(({ commit }) => commit)?.commit, bytes: totalBytes }
}

/** Better said before the first gigabyte than after the second. */
async function demandSpace(files: readonly HubFile[], folder: string): Promise<void> {
  let missing = 0
  for (const { name, bytes } of files) {
    const sizes = await Promise.all(
      [name, `${name}.part`].map((file) =>
        stat(path.join(folder, file)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    )
    missing += Math.max(0, bytes - Math.max(...sizes))
  }
  const { bavail, bsize } = await statfs(folder)
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  if (missing > bavail * bsize)
    throw new HubError(
      `The download needs ${gigabytes(missing)}, but only ${gigabytes(bavail * bsize)} are free in ${folder}.`,
    )
}
