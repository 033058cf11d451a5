// Two takes against each other: one key goes to the same place in the other one.
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type WaveSurfer from 'wavesurfer.js'
import { compared, takes } from '../takes.ts'
import { Waveform } from './waveform.tsx'

export function CompareBar(): JSX.Element | null {
  const players = useRef<[WaveSurfer | undefined, WaveSurfer | undefined]>([undefined, undefined])
  const pair = compared.value.flatMap((id) => takes.value.find((take) => take.id === id) ?? [])
  const [a, b] = pair

  const swap = () => {
    const [first, second] = players.current
    const [from, to] = second?.isPlaying() ? [second, first] : [first, second]
    if (!from || !to) return
    to.setTime(Math.min(from.getCurrentTime(), to.getDuration()))
    to.play()
  }
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input:not([type=range]), textarea')
      if (event.key.toLowerCase() === 'x' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) swap()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })

  if (!a || !b) {
    return a ? <p class="card hint">Choose a second take to compare with the one with seed {a.seed}.</p> : null
  }
  return (
    <section class="card compare" aria-label="Compare two takes">
      <div class="row">
        <h2>A / B</h2>
        <button type="button" onClick={swap}>
          Switch at the same place <kbd>X</kbd>
        </button>
      </div>
      {[a, b].map((take, index) => (
        <div key={take.id} class="row side">
          <span class="letter">
            <span class="hidden">Take </span>
            {'AB'[index]}
          </span>
          <Waveform
            audio={take.audio}
            label={`take ${'AB'[index]}`}
            height={40}
            onPlayer={(player) => {
              players.current[index as 0 | 1] = player
            }}
          />
        </div>
      ))}
    </section>
  )
}
