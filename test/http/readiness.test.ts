// What /readyz tells of the workers, of a gateway as it is started: it is ready without any, because requests may wait for one.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { SCHEMAS } from '../../src/contract/schemas.ts'
import { forgetWorker, seenWorker } from '../../src/jobs/workers.ts'
import { startServer } from '../../src/main.ts'
import { newId } from '../../src/storage/ids.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db, connection } = await openTestDatabase()
const DATABASE_URL =
  'url' in connection
    ? connection.url
    : `postgres://${connection.user}@localhost:5432/${connection.database}?host=${encodeURIComponent(connection.socketFolder)}`
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))

test('a gateway is ready while no worker lives, and tells how many there are and with which models', async () => {
  const settings = { DATABASE_URL, DATA_DIR: folder, PORT: '0', WORKER: 'false', MODEL: 'preview' }
  await using server = await startServer(readConfig(settings, {}), quietLog)
  const ask = async () => {
    const response = await fetch(`${server.url}/readyz`)
    assert.deepEqual([response.status, response.headers.get('cache-control')], [200, 'no-store'])
    return SCHEMAS.Readiness.strict().parse(await response.json())
  }
  assert.deepEqual(await ask(), { status: 'ready', workers: 0, models: [] })
  const ids = [newId(), newId(), newId()]
  for (const [i, id] of ids.entries()) {
    await seenWorker(db, { id, host: `tts-${i}`, model: i === 0 ? 'turbo' : 'nano', version: '0', slots: 1 })
  }
  assert.deepEqual(await ask(), { status: 'ready', workers: 3, models: ['nano', 'turbo'] })
  await forgetWorker(db, ids[0] ?? '')
  assert.deepEqual(await ask(), { status: 'ready', workers: 2, models: ['nano'] })
})
