// The sampling parameters with their ranges and what each does to the speech.
import type { JSX } from 'preact'
import type { SpeakParameters } from '../api.ts'
import { DEFAULT_PARAMETERS, parameters } from '../draft.ts'
import { Icon } from './icon.tsx'

interface Slider {
  readonly name: Exclude<keyof SpeakParameters, 'seed' | 'norm_loudness' | 'latency'>
  readonly title: string
  readonly minimum: number
  readonly maximum: number
  readonly step: number
  readonly hint: string
}

const SLIDERS: readonly Slider[] = [
  {
    name: 'temperature',
    title: 'Temperature',
    minimum: 0.05,
    maximum: 2,
    step: 0.05,
    hint: 'Higher is livelier, lower is steadier.',
  },
  {
    name: 'top_p',
    title: 'Top-p',
    minimum: 0,
    maximum: 1,
    step: 0.01,
    hint: 'Keeps the likeliest sounds up to this probability.',
  },
  {
    name: 'top_k',
    title: 'Top-k',
    minimum: 0,
    maximum: 1000,
    step: 10,
    hint: 'Keeps this many of the likeliest sounds; 0 keeps all.',
  },
  {
    name: 'min_p',
    title: 'Min-p',
    minimum: 0,
    maximum: 1,
    step: 0.01,
    hint: 'Drops sounds less likely than this share of the likeliest.',
  },
  {
    name: 'repetition_penalty',
    title: 'Repetition penalty',
    minimum: 1,
    maximum: 2,
    step: 0.05,
    hint: '1 does not penalise.',
  },
]

const change = (part: Partial<SpeakParameters>) => {
  parameters.value = { ...parameters.value, ...part }
}

export function ParameterPanel(): JSX.Element {
  const current = parameters.value
  const changed = SLIDERS.filter(({ name }) => current[name] !== DEFAULT_PARAMETERS[name]).length
  return (
    <details
      class="parameters"
      onToggle={({ currentTarget }) => currentTarget.open && currentTarget.scrollIntoView({ block: 'nearest' })}
    >
      <summary>
        <Icon name="sliders" /> Delivery {changed > 0 && <span class="count">{changed} changed</span>}
      </summary>
      <div class="sliders">
        {SLIDERS.map(({ name, title, minimum, maximum, step, hint }) => (
          <label key={name}>
            <span class="row">
              <span>{title}</span>
              <span class="value">{current[name]}</span>
            </span>
            <input
              type="range"
              min={minimum}
              max={maximum}
              step={step}
              value={current[name]}
              onInput={({ currentTarget }) => change({ [name]: Number(currentTarget.value) })}
            />
            <small>{hint}</small>
          </label>
        ))}
        <label class="check">
          <input
            type="checkbox"
            checked={current.norm_loudness}
            onChange={({ currentTarget }) => change({ norm_loudness: currentTarget.checked })}
          />
          <span>Bring the recording to a standard loudness first</span>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={current.latency === 'low'}
            onChange={({ currentTarget }) => change({ latency: currentTarget.checked ? 'low' : 'normal' })}
          />
          <span>
            First sound sooner
            <small>
              Played while the first sentences are still being spoken: they are a little less true to the voice, and all
              of it takes longer. For a model that is slow on this machine.
            </small>
          </span>
        </label>
        <button type="button" class="quiet" onClick={() => change({ ...DEFAULT_PARAMETERS, seed: current.seed })}>
          Back to the defaults
        </button>
      </div>
    </details>
  )
}

export function SeedField(): JSX.Element {
  const { seed } = parameters.value
  return (
    <div class="seed">
      <label>
        <span>Seed</span>
        <input
          type="number"
          inputMode="numeric"
          step="1"
          placeholder="random"
          value={seed === 0 ? '' : seed}
          onInput={({ currentTarget }) => change({ seed: Math.trunc(Number(currentTarget.value)) || 0 })}
        />
      </label>
      <button
        type="button"
        class="quiet icon-only"
        aria-label="A new random seed for each take"
        aria-pressed={seed === 0}
        title="A new random seed for each take"
        onClick={() => change({ seed: 0 })}
      >
        <Icon name="dice" />
      </button>
    </div>
  )
}
