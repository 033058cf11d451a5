// A process that stands still for longer than its decoder may compute, as on a machine that has no processor for it, and then
// says how many samples it has decoded. Started by a test.
import { spawn } from 'node:child_process'
import { decodeAudio } from '../../../src/audio/decode/decode.ts'
import { wavFile } from '../wav-files.ts'

const file = wavFile({ data: Buffer.alloc(16 * 2 ** 20), sampleRate: 384_000 })
const decoding = decodeAudio(file, { maxSeconds: 60, cpuMs: 1500 }, new AbortController().signal)
const alarm = spawn('sh', ['-c', 'read line; sleep 2; kill -CONT $PPID'], { stdio: ['pipe', 'ignore', 'inherit'] })
alarm.once('spawn', () => {
  alarm.stdin.write('\n', () => process.kill(process.pid, 'SIGSTOP'))
})
console.log((await decoding).samples.length)
