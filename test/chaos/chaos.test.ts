// A short run of the kill loop; the long ones are started by hand (chaos.ts).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChaos } from './chaos.ts'

test('ten kills of engine, server and database under paying customers break no promise', async (t) => {
  const report = await runChaos({ kills: 10, seed: 1, customers: 4, hurry: true }, (line) => t.diagnostic(line))
  t.diagnostic(JSON.stringify(report))
  assert.deepEqual(report.violations, [])
  assert.ok((report.orders.served ?? 0) >= 10, 'hardly anything was served')
})
