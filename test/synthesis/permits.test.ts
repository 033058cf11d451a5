import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../src/errors.ts'
import { createPermits } from '../../src/synthesis/permits.ts'

const never = new AbortController().signal

test('as many run as may, the next ones wait in their order', async () => {
  const permits = createPermits({ running: 1, waiting: 2 })
  const first = await permits.acquire(never)
  const order: string[] = []
  const second = permits.acquire(never).then((permit) => {
    order.push('second')
    return permit
  })
  const third = permits.acquire(never).then((permit) => {
    order.push('third')
    return permit
  })
  assert.deepEqual([permits.running, permits.waiting], [1, 2])
  first[Symbol.dispose]()
  ;(await second)[Symbol.dispose]()
  ;(await third)[Symbol.dispose]()
  assert.deepEqual(order, ['second', 'third'])
  assert.deepEqual([permits.running, permits.waiting], [0, 0])
})

test('one more than may wait is refused at once', async () => {
  const permits = createPermits({ running: 1, waiting: 0 })
  await permits.acquire(never)
  await assert.rejects(permits.acquire(never), (error) => error instanceof AppError && error.code === 'overloaded')
})

test('whoever leaves while waiting makes room and is not let in later', async () => {
  const permits = createPermits({ running: 1, waiting: 1 })
  const first = await permits.acquire(never)
  const gone = new AbortController()
  const waiting = permits.acquire(gone.signal)
  gone.abort(new Error('gone'))
  await assert.rejects(waiting, /gone/)
  assert.equal(permits.waiting, 0)
  first[Symbol.dispose]()
  first[Symbol.dispose]() // twice does no harm
  assert.equal(permits.running, 0)
})
