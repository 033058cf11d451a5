// The receiver of docs/webhooks.md, compiled and run as it stands there.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { packageRoot } from '../../src/config.ts'
import { findDelivery, listDeliveries, replayDelivery } from '../../src/webhooks/delivery-log.ts'
import { createWebhook } from '../../src/webhooks/webhooks.ts'
import { makeAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { endJob, startTestDeliverer, until } from './receiver.ts'

const { db } = await openTestDatabase()

test('it compiles, takes a signed message, refuses another, and knows what it has handled', async () => {
  const folder = await makeTemporaryFolder()
  const page = await readFile(path.join(packageRoot, 'docs/webhooks.md'), 'utf8')
  const source = /```ts\n([\s\S]*?)```/.exec(page)?.[1]
  assert.ok(source, 'the page has an example')
  await writeFile(path.join(folder, 'receiver.ts'), source)
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}')
  await symlink(path.join(packageRoot, 'node_modules'), path.join(folder, 'node_modules'))
  const compile = ['--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext', '--types', 'node']
  const compiler = path.join(packageRoot, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, ...compile, 'receiver.ts'], { cwd: folder })

  const account = await makeAccount(db)
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}/`
  const { secret } = await createWebhook(db, {
    accountId: account.accountId,
    url,
    events: ['failed'],
    description: undefined,
  })
  const receiver = spawn(process.execPath, ['receiver.js'], {
    cwd: folder,
    env: { PORT: String(port), WEBHOOK_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let printed = ''
    receiver.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text
    })
    const unsigned = () => fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined)
    assert.equal((await until('it listens', unsigned)).status, 401)

    await using deliverer = startTestDeliverer(db)
    const jobId = await endJob(db, account)
    const delivered = (attempts: number) =>
      until(`attempt ${attempts} has succeeded`, async () => {
        const [delivery] = await listDeliveries(db, account.accountId, { limit: 1, state: 'delivered' })
        return delivery?.attempts.length === attempts ? delivery : undefined
      })
    const { id } = await delivered(1)
    await replayDelivery(db, account.accountId, id)
    deliverer.wake()
    await delivered(2)
    assert.equal((await findDelivery(db, account.accountId, id))?.attempts[1]?.statusCode, 204)
    assert.equal(printed, `request.failed ${jobId} undefined\n`)
  } finally {
    receiver.kill()
    await once(receiver, 'exit')
    await rm(folder, { recursive: true })
  }
})

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
