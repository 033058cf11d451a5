// The hosted API's own Python client, installed once from the package index into a folder of the user's cache.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { packageRoot, userCacheDir } from '../../src/config.ts'

const run = promisify(execFile)

const REQUIREMENT = 'segmind>=1.1.0,<2'
const FOLDER = path.join(userCacheDir, 'tests', 'python-sdk')
const SCRIPT = path.join(packageRoot, 'test/sdk/calls.py')
const INSTALL_TIMEOUT_MS = 120_000
const CALL_TIMEOUT_MS = 60_000

export interface PythonSdk {
  readonly version: string
  /** Runs one function of calls.py against the server at `baseUrl` and returns what it printed. `authority`: a certificate to trust. */
  call<T>(name: string, baseUrl: string, key: string, parameters: object, authority?: string): Promise<T>
}

/** A string says why there is none. */
export async function findPythonSdk(): Promise<PythonSdk | string> {
  if (!(await run('python3', ['--version']).catch(() => undefined))) return 'python3 is not installed here'
  const python = path.join(FOLDER, 'bin/python')
  if (!existsSync(python)) {
    try {
      await install()
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string }
      return `${REQUIREMENT} could not be installed: ${stderr.trim().split('\n').at(-1) || message}`
    }
  }
  const { stdout } = await run(python, ['-c', 'import segmind; print(segmind.__version__)'])
  return { version: stdout.trim(), call: (...call) => callPython(python, ...call) }
}

/** Beside the final folder first, so that an installation that breaks off leaves nothing that looks like one. */
async function install(): Promise<void> {
  const unfinished = `${FOLDER}-${process.pid}`
  await mkdir(path.dirname(FOLDER), { recursive: true })
  try {
    await run('python3', ['-m', 'venv', unfinished], { timeout: INSTALL_TIMEOUT_MS })
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1', REQUIREMENT]
    await run(path.join(unfinished, 'bin/python'), pip, { timeout: INSTALL_TIMEOUT_MS })
    await rename(unfinished, FOLDER).catch((error) => {
      if (!existsSync(FOLDER)) throw error // else another run was faster
    })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

async function callPython<T>(
  python: string,
  name: string,
  baseUrl: string,
  key: string,
  parameters: object,
  authority?: string,
): Promise<T> {
  const { PATH = '' } = process.env
  const environment = { PATH, SEGMIND_API_KEY: key, NO_PROXY: '*', PYTHONDONTWRITEBYTECODE: '1' }
  if (authority !== undefined) Object.assign(environment, { REQUESTS_CA_BUNDLE: authority, SSL_CERT_FILE: authority })
  const running = run(python, [SCRIPT, name, baseUrl], { env: environment, timeout: CALL_TIMEOUT_MS })
  running.child.stdin?.end(JSON.stringify(parameters))
  return JSON.parse((await running).stdout) as T
}
