// Every number the server exports, in Prometheus' terms; the only door to prom-client. docs/operations counts on these names.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** One registry per composed server, so that tests can run several in a process. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    requests: new Counter({
      name: 'chatterbox_requests_total',
      help: 'HTTP requests by route, status and error code',
      labelNames: ['route', 'status', 'code'],
      registers,
    }),
    timeToFirstByteSeconds: new Histogram({
      name: 'chatterbox_time_to_first_byte_seconds',
      help: 'From the request to the first byte of the answer',
      labelNames: ['route'],
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
      registers,
    }),
    engineSeconds: new Counter({
      name: 'chatterbox_engine_seconds_total',
      help: 'Seconds spent in synthesis',
      registers,
    }),
    audioSeconds: new Counter({ name: 'chatterbox_audio_seconds_total', help: 'Seconds of audio made', registers }),
    realTimeFactor: new Histogram({
      name: 'chatterbox_real_time_factor',
      help: 'Engine seconds per second of audio',
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    queueSeconds: new Histogram({
      name: 'chatterbox_queue_seconds',
      help: 'Time a request waited for a place',
      buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60],
      registers,
    }),
    voiceCache: new Counter({
      name: 'chatterbox_voice_cache_total',
      help: 'Look-ups of encoded voices by result',
      labelNames: ['result'],
      registers,
    }),
    engineStarts: new Counter({ name: 'chatterbox_engine_starts_total', help: 'Engine processes started', registers }),
    engineCrashes: new Counter({
      name: 'chatterbox_engine_crashes_total',
      help: 'Engine processes that died',
      registers,
    }),
    creditsCharged: new Counter({ name: 'chatterbox_credits_charged_total', help: 'Credits charged', registers }),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** The gauges of admission are read when they are asked for. */
export function watchPermits(metrics: Metrics, permits: { readonly running: number; readonly waiting: number }): void {
  const registers = [metrics.registry]
  new Gauge({
    name: 'chatterbox_requests_running',
    help: 'Requests being synthesised',
    registers,
    collect() {
      this.set(permits.running)
    },
  })
  new Gauge({
    name: 'chatterbox_requests_waiting',
    help: 'Requests waiting for a place',
    registers,
    collect() {
      this.set(permits.waiting)
    },
  })
}
