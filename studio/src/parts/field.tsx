// What forms consist of: a labelled field, a choice from a list, a form on one line, and what is wrong with what was entered.
import type { Signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { Words } from './words.tsx'

interface FieldProps {
  readonly type?: 'text' | 'password' | 'number'
  readonly required?: boolean
  readonly maxLength?: number
  readonly placeholder?: string
  readonly autoComplete?: 'off' | 'current-password'
  readonly min?: string
  readonly step?: string
  readonly label: ComponentChildren
  /** What is entered. */
  readonly of: Signal<string>
  readonly width?: 'short'
}

export function Field({ label, of, width, type = 'text', ...input }: FieldProps): JSX.Element {
  return (
    <label class={width}>
      <span>{label}</span>
      <input
        {...input}
        type={type as 'text'}
        value={of.value}
        onInput={({ currentTarget }) => {
          of.value = currentTarget.value
        }}
      />
    </label>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly of: Signal<string>
  /** What is chosen from, by its value. */
  readonly among: ReadonlyMap<string, string>
}

export function Choice({ label, of, among }: ChoiceProps): JSX.Element {
  return (
    <label>
      <span>{label}</span>
      <select
        value={of.value}
        onChange={({ currentTarget }) => {
          of.value = currentTarget.value
        }}
      >
        {[...among].map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

interface LineProps {
  /** What the button says. */
  readonly submit: string
  readonly onSubmit: () => void
  readonly children: ComponentChildren
}

/** Fields beside each other, and the button at their end. */
export function FormLine({ submit, onSubmit, children }: LineProps): JSX.Element {
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
      <button type="submit">{submit}</button>
    </form>
  )
}

/** Said aloud; nothing where there is nothing. */
export function Problem({ text }: { readonly text: string | undefined }): JSX.Element | null {
  return text === undefined ? null : (
    <p class="problem" role="alert">
      <Words text={text} />
    </p>
  )
}
