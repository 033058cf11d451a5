// A process that uses the embedded database of a folder until it is told to stop.
import { once } from 'node:events'
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { quietLog } from './quiet-log.ts'

const postgres = await startEmbeddedPostgres(process.argv[2] ?? '', quietLog)
process.send?.('ready')
await once(process, 'message')
await postgres.stop()
process.disconnect()
