// deploy/nginx.conf, run by nginx itself.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/config.ts'
import { freePort } from '../harness/ports.ts'
import { findProgram, runProgram } from '../harness/programs.ts'
import { readDeployFile } from './deploy-files.ts'

export interface Nginx {
  /** Ports on 127.0.0.1. */
  readonly https: number
  readonly http: number
  stop(): Promise<void>
}

/**
 * The example before gateways on these ports of 127.0.0.1, on this machine's ports and with a certificate of ours; everything else as it
 * stands. `certificate`: a file with certificate and key. Files go into `folder`.
 */
export async function startNginx(
  folder: string,
  upstreams: readonly number[],
  certificate = path.join(packageRoot, 'test/outbound/certificate.pem'),
): Promise<Nginx> {
  const [https, http] = [await freePort(), await freePort()]
  const gateways = upstreams.map((port) => `server 127.0.0.1:${port} max_fails=2 fail_timeout=5s;`)
  const place = (text: string, from: RegExp, to: string): string => {
    assert.match(text, from)
    return text.replace(from, to)
  }
  let text = readDeployFile('nginx.conf')
  text = place(text, /server gateway-1\.internal:8080.*\n\s*server gateway-2\.internal:8080.*/, gateways.join('\n'))
  text = place(text, /listen 443 ssl;\n\s*listen \[::\]:443 ssl;/, `listen 127.0.0.1:${https} ssl;`)
  text = place(text, /listen 80;\n\s*listen \[::\]:80;/, `listen 127.0.0.1:${http};`)
  text = place(text, /ssl_certificate .*;/, `ssl_certificate ${certificate};`)
  text = place(text, /ssl_certificate_key .*;/, `ssl_certificate_key ${certificate};`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  text = place(text, /http \{/, `http {\n access_log off;\n ${temporary.join('\n')}`)
  const file = path.join(folder, 'nginx.conf')
  await mkdir(folder, { recursive: true })
  await writeFile(
    file,
    `pid ${folder}/nginx.pid;\nerror_log ${folder}/error.log;\ndaemon off;\nmaster_process off;\n${text}`,
  )
  const checked = await runProgram('nginx', ['-t', '-q', '-c', file])
  assert.equal(checked.code, 0, checked.output)
  const nginx = spawn(findProgram('nginx') ?? '', ['-c', file], { stdio: 'inherit' })
  const ended = once(nginx, 'exit')
  for (let attempt = 0; !(await answers(https)); attempt++) {
    assert.ok(attempt < 100 && nginx.exitCode === null, 'nginx does not listen')
    await sleep(50)
  }
  const stop = async () => {
    nginx.kill('SIGTERM')
    await ended
  }
  return { https, http, stop }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })
