// The hosted API's own Python client before nginx, as deploy/nginx.conf sets it up, before two gateways: any of them can answer for any request.
import assert from 'node:assert/strict'
import { appendFile, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import type { CompletedRequest, FailedRequest, SubmittedRequest } from '../../src/contract/requests.ts'
import { BUNDLED_VOICE_FILE, type RunningServer, startServer, startWorkerAlone } from '../../src/main.ts'
import { type Nginx, startNginx } from '../deploy/nginx.ts'
import { freePort } from '../harness/ports.ts'
import { findProgram, runProgram } from '../harness/programs.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { createToneEngine } from '../harness/tone-engine.ts'
import { findPythonSdk } from './python-sdk.ts'

const KEY = 'SG_0123456789abcdef'
const missing = ['nginx', 'openssl'].filter((name) => findProgram(name) === undefined)
const sdk =
  missing.length > 0 ? `${missing.join(' and ')} not installed (Debian: nginx-light, openssl)` : await findPythonSdk()
const skip = typeof sdk === 'string' ? sdk : false

const folder = await makeTemporaryFolder()
const running: AsyncDisposable[] = []
let nginx: Nginx | undefined
after(async () => {
  await nginx?.stop()
  for (const each of running) await each[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** For 127.0.0.1, with its key. */
async function makeCertificate(): Promise<string> {
  const file = path.join(folder, 'certificate.pem')
  const what = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
  const form = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const made = await runProgram('openssl', [...form, ...what, '-keyout', file, '-out', `${file}.crt`])
  assert.equal(made.code, 0, made.output)
  await appendFile(file, await readFile(`${file}.crt`))
  return file
}

async function requestsAt({ url }: RunningServer): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const counts = [...metrics.matchAll(/^chatterbox_requests_total\{[^}]*route="\/v[12][^}]*\} (\d+)/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

interface Called {
  readonly result: CompletedRequest
  readonly download: { readonly status: number; readonly bytes: number }
}

test('the client gets what it asks for from two gateways behind nginx, and from the one that is left', {
  skip,
}, async (t) => {
  assert.ok(typeof sdk !== 'string')
  const certificate = await makeCertificate()
  const ports = [await freePort(), await freePort()]
  nginx = await startNginx(folder, ports, certificate)
  const url = `https://127.0.0.1:${nginx.https}`
  const settings = { DATA_DIR: path.join(folder, 'data'), BOOTSTRAP_API_KEY: KEY, MODEL: 'preview' }
  const gateways: RunningServer[] = []
  for (const port of ports) {
    const own = { PORT: String(port), WORKER: 'false', PUBLIC_URL: url, TRUST_PROXY: 'true' }
    gateways.push(await startServer(readConfig({ ...settings, ...own }, {}), quietLog))
  }
  const [first, second] = gateways
  assert.ok(first && second)
  const engine = createToneEngine()
  running.push(await startWorkerAlone(readConfig(settings, {}), quietLog, { engine }), second)

  const recording = (await readFile(BUNDLED_VOICE_FILE)).toString('base64')
  const parameters = { text: 'Hello. [laugh] Bye.', reference_audio: `data:audio/wav;base64,${recording}`, seed: 42 }
  const call = <T>(name: string, changes = {}) =>
    sdk.call<T>(name, `${url}/v1`, KEY, { ...parameters, ...changes }, certificate)

  const { status } = await call<{ status: number }>('run_sync')
  assert.equal(status, 200)
  const { result, download } = await call<Called>('run')
  assert.deepEqual([result.status, download.status], ['COMPLETED', 200])
  assert.ok(result.output.startsWith(`${url}/outputs/`), result.output)
  const { submitted, again } = await call<{ submitted: SubmittedRequest; again: CompletedRequest }>('submit_and_wait')
  assert.ok(submitted.status_url.startsWith(`${url}/v2/`), submitted.status_url)
  assert.equal(again.status, 'COMPLETED')
  const { result: failed } = await call<{ result: FailedRequest }>('fail', {
    reference_audio: 'data:audio/wav;base64,bm8gcmVjb3JkaW5n',
  })
  assert.deepEqual([failed.status, failed.code], ['FAILED', 'invalid_reference_audio'])
  assert.deepEqual(await call('poll_often'), { polls: 70 })

  const answered = await Promise.all(gateways.map(requestsAt))
  t.diagnostic(`segmind ${sdk.version}; requests answered by each gateway: ${answered.join(', ')}`)
  for (const count of answered) assert.ok(count > 10, 'one gateway did all the work')

  await first[Symbol.asyncDispose]()
  const left = await call<Called>('run')
  assert.deepEqual([left.result.status, left.download], ['COMPLETED', download])
  await call('submit_and_wait')
})
