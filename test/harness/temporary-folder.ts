// Temporary folders that the embedded database's user can reach when tests run as root.
import { chmod, mkdtemp } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

/** The caller removes it; test/run.ts fails when it does not. */
export async function makeTemporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'test-'))
  await chmod(folder, 0o755)
  return folder
}
