import { signal } from '@preact/signals'
import type { JSX } from 'preact'

const now = signal(Date.now())
setInterval(() => {
  now.value = Date.now()
}, 30_000)

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

/** A moment that has passed, as people say it; exactly where the mouse rests. */
export function When({ at }: { readonly at: number }): JSX.Element {
  const minutes = Math.round((now.value - at) / 60_000)
  const words =
    minutes < 1
      ? 'just now'
      : minutes < 60
        ? relative.format(-minutes, 'minute')
        : minutes < 24 * 60
          ? relative.format(-Math.round(minutes / 60), 'hour')
          : absolute.format(at)
  return (
    <time dateTime={new Date(at).toISOString()} title={absolute.format(at)}>
      {words}
    </time>
  )
}
