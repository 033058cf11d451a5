// `chatterbox backup`: a copy of DATA_DIR, beside a running server.
import path from 'node:path'
import { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { createLog } from '../../log.ts'
import { backUpDataDir } from '../../storage/embedded/backup.ts'
import { UsageError } from '../usage-error.ts'

export const backupCommand = (): Command =>
  new Command('backup')
    .description('Copy the embedded database and the outputs, also while the server runs. The copy is a DATA_DIR.')
    .argument('<folder>', 'empty or absent')
    .action(backup)

async function backup(folder: string): Promise<void> {
  const config = readConfig()
  if (config.DATABASE_URL !== undefined)
    throw new UsageError('DATABASE_URL is set: back that server up with its own tools, as docs/operations.md says.')
  const target = path.resolve(folder)
  const log = createLog({ ...config, LOG_LEVEL: 'error' })
  const withBlobs = config.BLOB_URL === undefined
  const { files, bytes } = await backUpDataDir(path.resolve(config.DATA_DIR), target, withBlobs, log)
  console.log(`${target}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`)
  if (!withBlobs) console.log(`Outputs and uploads are in ${config.BLOB_URL} and were not copied.`)
}
