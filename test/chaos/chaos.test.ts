// A short run of the kill loop; the long ones are started by hand (chaos.ts).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChaos } from './chaos.ts'

test('kills of gateways, workers, engines and the database under paying customers break no promise', async (t) => {
  const options = {
    kills: 10,
    atMostSeconds: 35,
    seed: 1,
    customers: 2,
    database: 'embedded',
    engine: 'cheap',
    hurry: true,
  } as const
  const report = await runChaos(options, (line) => t.diagnostic(line))
  t.diagnostic(JSON.stringify(report))
  assert.deepEqual(report.violations, [])
  assert.ok(
    Object.keys(report.orders).some((kind) => kind.endsWith(' served')),
    'nothing was served',
  )
})
