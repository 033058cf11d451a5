// A server as a newcomer starts it: the preview engine, the embedded database, a folder of its own. It can be killed and started again.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type CommandProcess, startCommand } from '../harness/command.ts'
import { freePort } from '../harness/ports.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

export const ADMIN_TOKEN = 'an operator of tests'

export interface ServedStudio extends AsyncDisposable {
  readonly url: string
  /** The key that the first start printed. */
  readonly key: string
  start(): Promise<void>
  /** Answers when it has ended. */
  stop(): Promise<void>
  /** As $ of credits, asked of the API. */
  credits(): Promise<number>
}

export async function serveStudio(settings: Readonly<Record<string, string>> = {}): Promise<ServedStudio> {
  const folder = await makeTemporaryFolder()
  const port = await freePort()
  const url = `http://localhost:${port}`
  const environment = {
    DATA_DIR: path.join(folder, 'data'),
    PORT: String(port),
    LOG_LEVEL: 'warn',
    ADMIN_TOKEN,
    BOOTSTRAP_API_KEY: 'cb_000102030405060708090a0b0c0d0e0f',
    ...settings,
  }
  let child: CommandProcess | undefined
  const start = async () => {
    child = startCommand(['serve'], environment)
    child.stderr.pipe(process.stderr)
    let greeting = ''
    for await (const line of createInterface(child.stdout)) {
      greeting += `${line}\n`
      if (greeting.includes('http://127.0.0.1:') || greeting.includes('http://localhost:')) break
    }
    assert.ok(greeting.includes(String(port)), greeting)
    child.stdout.resume()
  }
  const stop = async () => {
    if (!child || child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'close')
  }
  await start()
  return {
    url,
    key: environment.BOOTSTRAP_API_KEY,
    start,
    stop,
    credits: async () => {
      const answer = await fetch(`${url}/v1/get-user-credits`, {
        headers: { 'x-api-key': environment.BOOTSTRAP_API_KEY },
      })
      return ((await answer.json()) as { credits: number }).credits
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
