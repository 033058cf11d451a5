import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOneAtATime, PASSED_AT_MOST } from '../../../src/engine/runtime/one-at-a-time.ts'

const never = new AbortController().signal

/** A task that ends when it is told to; `order` hears of its beginning. */
function heldTask(name: string, order: string[]) {
  let end = () => {}
  const promise = new Promise<string>((resolve) => {
    end = () => resolve(name)
  })
  const task = (): Promise<string> => {
    order.push(name)
    return promise
  }
  return { task, end: () => end() }
}

test('one task runs at a time, in the order in which they came', async () => {
  const oneAtATime = createOneAtATime()
  const order: string[] = []
  const tasks = ['first', 'second', 'third'].map((name) => heldTask(name, order))
  const results = tasks.map(({ task }) => oneAtATime(task, never))
  for (const [i, { end }] of tasks.entries()) {
    await Promise.resolve()
    assert.equal(order.length, i + 1, 'the next waits for this one')
    end()
    await results[i]
    await new Promise(setImmediate)
  }
  assert.deepEqual(await Promise.all(results), ['first', 'second', 'third'])
})

test('an urgent task goes before those that wait, not before the one that runs, and keeps its place among its like', async () => {
  const oneAtATime = createOneAtATime()
  const order: string[] = []
  const running = heldTask('running', order)
  const results = [oneAtATime(running.task, never)]
  for (const [name, urgency] of [
    ['patient 1', 'patient'],
    ['patient 2', 'patient'],
    ['urgent 1', 'urgent'],
    ['urgent 2', 'urgent'],
  ] as const) {
    const { task, end } = heldTask(name, order)
    end()
    results.push(oneAtATime(task, never, urgency))
  }
  running.end()
  await Promise.all(results)
  assert.deepEqual(order, ['running', 'urgent 1', 'urgent 2', 'patient 1', 'patient 2'])
})

test('what is aborted while it waits is never begun, and what fails holds nobody up', async () => {
  const oneAtATime = createOneAtATime()
  const order: string[] = []
  const abort = new AbortController()
  const failing = oneAtATime(() => Promise.reject(new Error('broken')), never)
  const aborted = oneAtATime(heldTask('aborted', order).task, abort.signal)
  const last = heldTask('last', order)
  last.end()
  const ended = oneAtATime(last.task, never)
  abort.abort(new Error('the client is gone'))
  await assert.rejects(failing, /broken/)
  await assert.rejects(aborted, /the client is gone/)
  assert.equal(await ended, 'last')
  assert.deepEqual(order, ['last'])
})

test('urgent tasks without end do not keep a patient one waiting without end', async () => {
  const oneAtATime = createOneAtATime()
  const order: string[] = []
  const running = heldTask('running', order)
  const results = [oneAtATime(running.task, never)]
  const add = (name: string, urgency: 'urgent' | 'patient') => {
    const { task, end } = heldTask(name, order)
    end()
    results.push(oneAtATime(task, never, urgency))
  }
  add('patient', 'patient')
  for (let i = 0; i < 2 * PASSED_AT_MOST; i++) add('urgent', 'urgent')
  running.end()
  await Promise.all(results)
  assert.equal(order.indexOf('patient'), 1 + PASSED_AT_MOST)
})
