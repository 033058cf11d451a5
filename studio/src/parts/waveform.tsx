// One recording or take: its waveform, play and pause, and the place in it. Only one sounds at a time.
import { useSignalEffect } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import WaveSurfer from 'wavesurfer.js'
import { silenceLive } from '../live-sound.ts'
import { theme } from '../theme.ts'
import { Icon } from './icon.tsx'

interface Props {
  readonly audio: Blob
  /** What is heard, for screen readers. */
  readonly label: string
  readonly height?: number
  /** Its length, where it is known before it has been decoded. */
  readonly seconds?: number
  /** Asked when it can be played: where to go on from at once, if anywhere. */
  readonly findStart?: () => number | undefined
  /** When the sound has been decoded. */
  readonly onReady?: (seconds: number, samples: Float32Array) => void
  readonly onPlayer?: (player: WaveSurfer | undefined) => void
}

const STEP_SECONDS = 1
let sounding: WaveSurfer | undefined

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const colours = () => ({
  waveColor: colour('--wave'),
  progressColor: colour('--accent'),
  cursorColor: colour('--ink'),
})

/** Minutes and seconds, as players have it. */
export const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

const inWords = (seconds: number): string => `${seconds.toFixed(0)} seconds`

export function Waveform({ audio, label, height = 52, seconds = 0, findStart, onReady, onPlayer }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const player = useRef<WaveSurfer>(undefined)
  const [isPlaying, setPlaying] = useState(false)
  const [at, setAt] = useState(0)
  const [duration, setDuration] = useState(seconds)
  const [isBroken, setBroken] = useState(false)

  useEffect(() => {
    if (!box.current) return
    const surfer = WaveSurfer.create({
      container: box.current,
      height,
      barWidth: 2,
      barGap: 1.5,
      barRadius: 2,
      cursorWidth: 2,
      normalize: true,
      ...colours(),
    })
    player.current = surfer
    surfer.on('ready', (seconds) => {
      setDuration(seconds)
      const samples = surfer.getDecodedData()?.getChannelData(0)
      if (samples) onReady?.(seconds, samples)
      const start = findStart?.()
      const media = surfer.getMediaElement()
      if (start === undefined || !media) return
      media.currentTime = start
      surfer.play().catch(() => {}) // a browser that does not let it sound shows it ready to be played
    })
    surfer.on('play', () => {
      silenceLive()
      if (sounding && sounding !== surfer) sounding.pause()
      sounding = surfer
      setPlaying(true)
    })
    surfer.on('pause', () => setPlaying(false))
    surfer.on('finish', () => setPlaying(false))
    surfer.on('timeupdate', setAt)
    surfer.on('error', () => setBroken(true))
    setBroken(false)
    surfer.loadBlob(audio).catch(() => setBroken(true))
    onPlayer?.(surfer)
    return () => {
      onPlayer?.(undefined)
      if (sounding === surfer) sounding = undefined
      surfer.destroy()
    }
  }, [audio, height])
  useSignalEffect(() => {
    if (theme.value) player.current?.setOptions(colours())
  })

  const seek = (event: KeyboardEvent) => {
    const surfer = player.current
    // The element itself, which takes a new place while it is still on its way to another one. wavesurfer's setTime() keeps the second for
    // later, and forgets it when the first one is reported: Home and an arrow in quick succession stayed at 0.
    const media = surfer?.getMediaElement()
    if (!media) return
    const now = media.currentTime // `at` is what was drawn last
    const places: Readonly<Record<string, number>> = {
      ArrowLeft: now - STEP_SECONDS,
      ArrowDown: now - STEP_SECONDS,
      ArrowRight: now + STEP_SECONDS,
      ArrowUp: now + STEP_SECONDS,
      Home: 0,
      End: duration,
    }
    const place = places[event.key]
    if (place === undefined) return
    event.preventDefault()
    media.currentTime = Math.max(0, Math.min(duration, place))
    setAt(media.currentTime)
  }

  if (isBroken) return <p class="problem">{`This browser cannot play ${label}.`}</p>
  return (
    <div class="waveform">
      <button
        type="button"
        class="round"
        disabled={duration === 0}
        onClick={() => player.current?.playPause()}
        aria-label={`${isPlaying ? 'Pause' : 'Play'} ${label}`}
      >
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <div
        class="wave"
        ref={box}
        style={{ minHeight: `${height}px` }}
        role="slider"
        tabIndex={0}
        aria-label={`Place in ${label}`}
        aria-valuemin={0}
        aria-valuemax={Math.round(duration)}
        aria-valuenow={Math.round(at)}
        aria-valuetext={`${inWords(at)} of ${inWords(duration)}`}
        onKeyDown={seek}
      />
      <span class="clock">{`${clock(at)} / ${clock(duration)}`}</span>
    </div>
  )
}
