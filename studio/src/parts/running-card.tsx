// A request on its way: where it stands, how long it has taken, and the way to stop it.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Running, stop } from '../running.ts'
import { isServerGone } from '../session.ts'
import { clock } from './waveform.tsx'

export function RunningCard({ one }: { readonly one: Running }): JSX.Element {
  const [now, setNow] = useState(Date.now())
  const card = useRef<HTMLElement>(null)
  useEffect(() => {
    card.current?.scrollIntoView({ block: 'nearest' }) // on a phone it is below what one has just written
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  return (
    <article ref={card} class="card take running" aria-label="Being spoken">
      <p class="take-text">{one.text}</p>
      <div class="progress" aria-hidden="true" data-stage={one.stage} />
      <div class="row">
        <p class="hint">
          <span role="status">{describe(one)}</span> ·{' '}
          <span class="elapsed">{clock((now - one.createdAt) / 1000)}</span>
        </p>
        <button type="button" disabled={one.stage === 'stopping'} onClick={() => stop(one)}>
          Stop
        </button>
      </div>
    </article>
  )
}

function describe({ stage, queuePosition }: Running): string {
  if (isServerGone.value) return 'Waiting for the server'
  switch (stage) {
    case 'sending':
      return 'Sending'
    case 'waiting':
      return queuePosition > 0 ? `Waiting, ${queuePosition} before it` : 'Next to be spoken'
    case 'speaking':
      return 'Speaking'
    case 'stopping':
      return 'Stopping'
  }
}
