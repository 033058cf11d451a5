// A request on its way: what can be heard of it already, where it stands, how long it has taken, and the way to stop it. One that has failed
// says of what, and can be tried again.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { estimateSeconds } from '../draft.ts'
import type { LiveSound } from '../live-sound.ts'
import { dismiss, hear, type Running, sounds, stop, tryAgain } from '../running.ts'
import { isServerGone } from '../session.ts'
import { LiveWaveform } from './live-waveform.tsx'
import { clock } from './waveform.tsx'

export function RunningCard({ one }: { readonly one: Running }): JSX.Element {
  const [now, setNow] = useState(Date.now())
  const card = useRef<HTMLElement>(null)
  useEffect(() => {
    card.current?.scrollIntoView({ block: 'nearest' }) // on a phone it is below what one has just written
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  if (one.stage === 'failed') return <FailedCard one={one} />
  const sound = sounds.value.get(one.id)
  const hasSound = sound !== undefined && sound.seconds.value > 0
  return (
    <article ref={card} class="card take running" aria-label="Being spoken">
      <p class="take-text">{one.text}</p>
      {hasSound && <LiveWaveform sound={sound} expectedSeconds={estimateSeconds(one.text)} />}
      {one.pieces !== undefined && one.pieces > 1 ? (
        <progress max={one.pieces} value={one.piecesDone ?? 0} aria-label="Pieces that are done" />
      ) : (
        <div class="progress" aria-hidden="true" data-stage={one.stage} />
      )}
      {sound?.state.value === 'broken' && <BrokenSound one={one} sound={sound} />}
      <div class="row">
        <p class="hint">
          <span role="status">{describe(one)}</span> ·{' '}
          <span class="elapsed">{clock((now - one.createdAt) / 1000)}</span>
          {hasSound && <span class="elapsed"> · {sound.seconds.value.toFixed(0)} s of speech</span>}
          {one.firstSoundSeconds !== undefined && (
            <span class="elapsed"> · first sound after {one.firstSoundSeconds.toFixed(2)} s</span>
          )}
        </p>
        <span class="actions">
          {hasSound && sound.state.value !== 'broken' && <HearButton one={one} sound={sound} />}
          <button type="button" disabled={one.stage === 'stopping'} onClick={() => stop(one)}>
            Stop
          </button>
        </span>
      </div>
    </article>
  )
}

function HearButton({ one, sound }: { readonly one: Running; readonly sound: LiveSound }): JSX.Element {
  const isHeard = sound.isHeard.value
  return (
    <button type="button" onClick={() => (isHeard ? sound.mute() : hear(one.id, true))}>
      {isHeard ? 'Mute' : 'Listen'}
    </button>
  )
}

function BrokenSound({ one, sound }: { readonly one: Running; readonly sound: LiveSound }): JSX.Element {
  return (
    <div class="row broken" role="alert">
      <p class="problem">
        The sound broke off after {sound.seconds.value.toFixed(1)} s. The server goes on speaking; nothing is charged
        before the take is whole.
      </p>
      <button type="button" onClick={() => hear(one.id, true, sound.seconds.value)}>
        Try again
      </button>
    </div>
  )
}

function FailedCard({ one }: { readonly one: Running }): JSX.Element {
  return (
    <article class="card take failed" aria-label="Failed">
      <p class="take-text">{one.text}</p>
      <p class="problem" role="alert">
        {one.problem} Nothing was charged.
      </p>
      <div class="actions">
        <button type="button" onClick={() => tryAgain(one)}>
          Try again
        </button>
        <button type="button" class="quiet" onClick={() => dismiss(one)}>
          Dismiss
        </button>
      </div>
    </article>
  )
}

function describe({ stage, queuePosition, piecesDone, pieces }: Running): string {
  if (isServerGone.value) return 'Waiting for the server'
  switch (stage) {
    case 'sending':
      return 'Sending'
    case 'waiting':
      return queuePosition > 0 ? `Waiting, ${queuePosition} before it` : 'Next to be spoken'
    case 'speaking':
      return pieces !== undefined && pieces > 1 ? `Speaking, piece ${piecesDone} of ${pieces} is done` : 'Speaking'
    case 'stopping':
      return 'Stopping'
    case 'failed':
      return 'Failed'
  }
}
