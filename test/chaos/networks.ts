// Machines that share nothing but a network: network namespaces of Linux, each with a cable to this one that can be pulled.
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { promisify } from 'node:util'
import { findProgram } from '../harness/programs.ts'
import type { Place } from './platform.ts'

const run = promisify(execFile)
const ip = (...args: readonly string[]) => run(findProgram('ip') ?? 'ip', args)

export interface Machine extends Place {
  /** Nothing gets through any more, in either direction; nobody is told. */
  cutOff(): Promise<void>
  reconnect(): Promise<void>
}

export interface Network extends AsyncDisposable {
  /** This machine's address, for all of them. */
  readonly host: string
  readonly machines: readonly Machine[]
}

/** A string says why there can be none. */
export async function openNetwork(count: number): Promise<Network | string> {
  if (process.platform !== 'linux' || !findProgram('ip')) return 'there is no `ip` here (Debian: iproute2)'
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  const name = `chaos${randomInt(1_000_000)}`
  const block = `10.${randomInt(100, 250)}.${randomInt(250)}`
  const made: string[] = []
  const close = async () => {
    for (const namespace of made) await ip('netns', 'delete', namespace).catch(() => {}) // the cable goes with it
  }
  try {
    const machines: Machine[] = []
    for (let n = 0; n < count; n++) {
      const namespace = `${name}-${n}`
      const [here, there] = [`${name}${n}h`, `${name}${n}t`]
      const [gateway, host] = [`${block}.${4 * n + 1}`, `${block}.${4 * n + 2}`]
      await ip('netns', 'add', namespace)
      made.push(namespace)
      await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', namespace)
      await ip('address', 'add', `${gateway}/30`, 'dev', here)
      await ip('link', 'set', here, 'up')
      await ip('-n', namespace, 'link', 'set', 'lo', 'up')
      await ip('-n', namespace, 'address', 'add', `${host}/30`, 'dev', there)
      await ip('-n', namespace, 'link', 'set', there, 'up')
      await ip('-n', namespace, 'route', 'add', 'default', 'via', gateway)
      machines.push({
        through: [findProgram('ip') ?? 'ip', 'netns', 'exec', namespace],
        host,
        cutOff: async () => void (await ip('link', 'set', here, 'down')),
        reconnect: async () => void (await ip('link', 'set', here, 'up')),
      })
    }
    return { host: `${block}.1`, machines, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    return `network namespaces cannot be made here (${error instanceof Error ? error.message.trim() : error})`
  }
}
