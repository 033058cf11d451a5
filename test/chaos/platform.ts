// The service under test: gateways and workers as processes of their own, over one database and one blob store.
import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { freePort } from '../harness/ports.ts'
import type { VictimDatabase } from './databases.ts'
import { createMember, type Member } from './member.ts'
import type { Plants } from './planted/plants.ts'
import { listProcesses, type RunningProcess, waitForEnd } from './processes.ts'

const LEFTOVER_TIMEOUT_MS = 30_000

export interface PlatformOptions {
  readonly folder: string
  readonly database: VictimDatabase
  readonly gateways: number
  readonly workers: number
  readonly environment: Readonly<Record<string, string>>
  readonly plants: Plants
  /** Where each runs, gateways first; without it, here. */
  readonly places?: readonly Place[]
}

/** Another machine, as far as the network goes. */
export interface Place {
  /** What a command is run with to be there; it must become the command, not start it. */
  readonly through: readonly string[]
  /** Its address. */
  readonly host: string
}

const HERE: Place = { through: [], host: '127.0.0.1' }

export interface Platform extends AsyncDisposable {
  readonly dataDir: string
  readonly logFile: string
  readonly gateways: readonly Member[]
  readonly workers: readonly Member[]
  readonly members: readonly Member[]
  waitUntilReady(): Promise<void>
  /** SIGTERM to all, workers first. Returns what was wrong about how they ended. */
  stop(): Promise<string[]>
  /** Whatever still runs on the folder after a moment to end in. */
  leftovers(): Promise<RunningProcess[]>
}

/** Starts all of them at once. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { folder, plants } = options
  const dataDir = path.join(folder, 'data')
  const logFile = path.join(folder, 'members.log')
  const log = createWriteStream(logFile, { flags: 'a' })
  const environment = {
    ...options.environment,
    ...options.database.environment,
    ...plants.environment,
    DATA_DIR: dataDir,
    LOG_FORMAT: 'json',
  }
  const places = [...(options.places ?? [])]
  const make = async (role: 'gateway' | 'worker', number: number): Promise<Member> => {
    const { through, host } = places.shift() ?? HERE
    const port = String(await freePort())
    const command = role === 'gateway' ? ['serve', '--no-worker', '--port', port] : ['worker', '--port', port]
    const url = `http://${host}:${port}`
    return createMember({
      name: `${role} ${number}`,
      command,
      nodeArguments: plants.arguments,
      through,
      environment: { ...environment, HOST: host },
      url,
      log,
    })
  }
  const gateways: Member[] = []
  const workers: Member[] = []
  for (let n = 1; n <= options.gateways; n++) gateways.push(await make('gateway', n))
  for (let n = 1; n <= options.workers; n++) workers.push(await make('worker', n))
  const members = [...gateways, ...workers]
  for (const member of members) member.start()
  return {
    dataDir,
    logFile,
    gateways,
    workers,
    members,
    waitUntilReady: async () => void (await Promise.all(members.map((member) => member.waitUntilReady()))),
    async stop() {
      const wrong: string[] = []
      for (const member of [...workers, ...gateways]) {
        const code = await member.stop()
        if (code !== 0) wrong.push(`${member.name} ended with ${code} when it was asked to stop`)
        await member.settle()
      }
      return [...wrong, ...members.flatMap(({ incidents }) => incidents)]
    },
    leftovers: () => {
      const ours = listProcesses().filter(({ command, environment }) => `${command} ${environment}`.includes(folder))
      return waitForEnd(
        ours.map(({ pid }) => pid),
        LEFTOVER_TIMEOUT_MS,
      )
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member.kill()))
      await Promise.all(members.map((member) => member.settle()))
      log.end()
    },
  }
}
