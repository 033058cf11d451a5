// The waveform of what is still being spoken: grows to the right until it fills its place, then shrinks together.
import { useSignalEffect } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type LiveSound, PEAKS_PER_SECOND } from '../live-sound.ts'
import { theme } from '../theme.ts'

const HEIGHT = 52
const BAR = 2
const GAP = 1.5

export function LiveWaveform({ sound, expectedSeconds }: { sound: LiveSound; expectedSeconds: number }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const draw = () => canvas.current && drawPeaks(canvas.current, sound, expectedSeconds)
  useSignalEffect(() => {
    if (theme.value && sound.seconds.value >= 0) draw()
  })
  useEffect(() => {
    // The place that is heard moves on between two blocks.
    let frame = requestAnimationFrame(function next() {
      if (sound.isHeard.value) draw()
      frame = requestAnimationFrame(next)
    })
    return () => cancelAnimationFrame(frame)
  }, [sound])
  return <canvas ref={canvas} class="live-wave" height={HEIGHT} />
}

function drawPeaks(canvas: HTMLCanvasElement, sound: LiveSound, expectedSeconds: number): void {
  const ratio = devicePixelRatio
  const width = canvas.clientWidth
  const isResized = canvas.width !== Math.round(width * ratio)
  if (isResized) canvas.width = Math.round(width * ratio)
  if (canvas.height !== HEIGHT * ratio) canvas.height = HEIGHT * ratio
  const pen = canvas.getContext('2d')
  if (!pen || width === 0) return
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const [wave, accent] = [colour('--wave'), colour('--accent')]
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.clearRect(0, 0, width, HEIGHT)
  const bars = Math.floor(width / (BAR + GAP))
  const { peaks } = sound
  const shownPeaks = Math.max(expectedSeconds * PEAKS_PER_SECOND, peaks.length)
  const heard = (sound.position() ?? 0) * PEAKS_PER_SECOND
  const loudest = Math.max(0.05, ...peaksOf(peaks, bars, shownPeaks))
  for (const [bar, peak] of peaksOf(peaks, bars, shownPeaks).entries()) {
    const height = Math.max(2, (peak / loudest) * HEIGHT)
    pen.fillStyle = (bar / bars) * shownPeaks < heard ? accent : wave
    pen.beginPath()
    pen.roundRect(bar * (BAR + GAP), (HEIGHT - height) / 2, BAR, height, BAR / 2)
    pen.fill()
  }
}

/** One for each bar as far as there is sound. */
function peaksOf(peaks: readonly number[], bars: number, shownPeaks: number): readonly number[] {
  const perBar = shownPeaks / bars
  const filled = Math.min(bars, Math.ceil(peaks.length / perBar))
  return Array.from({ length: filled }, (_, bar) => {
    const from = Math.floor(bar * perBar)
    const to = Math.max(from + 1, Math.floor((bar + 1) * perBar))
    let loudest = 0
    for (let at = from; at < to; at++) loudest = Math.max(loudest, peaks[at] ?? 0)
    return loudest
  })
}
