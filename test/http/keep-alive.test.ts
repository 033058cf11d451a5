// Comments while a stream of events is silent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEEP_ALIVE, keepAlive } from '../../src/http/keep-alive.ts'

/** Events that come when they are released, and what was asked of them. */
function makeEvents() {
  const seen = { asked: 0, left: false }
  let release = (_event: string | Error | undefined): void => {}
  async function* events(): AsyncGenerator<string, void, void> {
    try {
      for (;;) {
        seen.asked++
        const event = await new Promise<string | Error | undefined>((resolve) => {
          release = resolve
        })
        if (event === undefined) return
        if (event instanceof Error) throw event
        yield event
      }
    } finally {
      seen.left = true
    }
  }
  return { events: events(), seen, release: (event: string | Error | undefined) => release(event) }
}

test('a silent stream is given comments, and its events when they come', async () => {
  const { events, seen, release } = makeEvents()
  const kept = keepAlive(events, 1)
  assert.equal((await kept.next()).value, KEEP_ALIVE)
  assert.equal((await kept.next()).value, KEEP_ALIVE)
  const next = async () => {
    for (;;) {
      const { value, done } = await kept.next()
      if (value !== KEEP_ALIVE) return done ? 'end' : value
    }
  }
  release('a')
  assert.equal(await next(), 'a')
  assert.equal(seen.asked, 1)
  const second = next()
  while (seen.asked < 2) await new Promise(setImmediate)
  release('b')
  assert.equal(await second, 'b')
  const third = next()
  while (seen.asked < 3) await new Promise(setImmediate)
  release(undefined)
  assert.equal(await third, 'end')
})

test('what breaks the events breaks the stream', async () => {
  const { events, release } = makeEvents()
  const kept = keepAlive(events, 60_000)
  const first = kept.next()
  release(new Error('the voice is gone'))
  await assert.rejects(first, /the voice is gone/)
})

test('whoever leaves the stream leaves the events', async () => {
  const { events, seen, release } = makeEvents()
  const kept = keepAlive(events, 1)
  await kept.next()
  const left = kept.return()
  release('late')
  await left
  assert.equal(seen.left, true)
})
