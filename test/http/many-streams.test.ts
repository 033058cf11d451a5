// Forty streams at once – chunks, events, WebSockets – all held open in the middle; a third of their callers hang up, then or later.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { seededRandom } from '../harness/signals.ts'
import { openStreamBy, WAYS } from '../harness/stream-clients.ts'
import { openScratchApp, withResolvers } from './scratch-app.ts'
import { listen, piecesText } from './streaming.ts'

const STREAMS = 40
const scratch = await openScratchApp({ WORKER_SLOTS: String(STREAMS), PRICE_PER_1000_CHARACTERS: '0.001' })
const { account, db, blobs, engine, app } = scratch
const port = await listen(scratch)
const resources = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

test('forty streams of three kinds, a third of them left: the others are whole, charged is what was made, nothing stays open', async () => {
  const { promise: opened, resolve: letOn } = withResolvers()
  engine.beforeChunk = async ({ index }, chunk, signal) => {
    if (index > 0 && chunk === 0)
      await Promise.race([opened, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
  }
  const socketsBefore = resources()
  const before = (await scratch.balanceMicro()) ?? 0
  const options = { port, key: account.key, text: piecesText(3) }
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, (_, i) => openStreamBy(WAYS[i % WAYS.length] ?? 'chunks', options)),
  )
  const { rows: running } = await sql<{ count: number }>`
    select count(*)::int as count from jobs where state = 'running'`.execute(db)
  assert.equal(running[0]?.count, STREAMS, 'all of them are open, in the middle')
  assert.ok(((await scratch.heldMicro()) ?? 0) > 0)

  const random = seededRandom(20)
  const leaving = streams.filter((_, i) => i % 3 === Math.floor(random() * 3))
  for (const [i, stream] of leaving.entries()) if (i % 2 === 0) stream.hangUp()
  letOn()
  for (const [i, stream] of leaving.entries()) if (i % 2 === 1) setTimeout(() => stream.hangUp(), random() * 200)
  const whole = await Promise.all(streams.map(({ isWhole }) => isWhole))
  engine.beforeChunk = () => {}
  assert.ok(leaving.length > STREAMS / 5 && leaving.length < STREAMS / 2)
  streams.forEach((stream, i) => {
    if (!leaving.includes(stream)) assert.ok(whole[i], `${stream.way} ${stream.requestId} broke off`)
  })

  for (let tries = 0; tries < 1000 && (await scratch.heldMicro()) !== 0; tries++) await sleep(10)
  assert.deepEqual(await auditMoney(db, blobs), [])
  const { rows } = await sql<{ id: string; state: string; micro: number; hold: number }>`
    select id, state, charged_micro::int as micro, hold_micro::int as hold from jobs`.execute(db)
  assert.equal(rows.length, STREAMS)
  for (const { id, state, micro, hold } of rows) {
    if (whole[streams.findIndex(({ requestId }) => requestId === id)])
      assert.deepEqual([state, micro], ['completed', hold])
  }
  const paid = rows.reduce((total, { micro }) => total + micro, 0)
  assert.deepEqual(
    [(await findBalance(db, account.accountId))?.balanceMicro, await scratch.heldMicro()],
    [before - paid, 0],
  )
  for (let tries = 0; tries < 1000 && resources() > socketsBefore; tries++) await sleep(10)
  assert.ok(resources() <= socketsBefore, `${resources()} sockets, ${socketsBefore} before`)
  assert.equal(app.websocketServer.clients.size, 0)
})
