// One labelled field of a form.
import type { ComponentChildren, JSX } from 'preact'

interface Props {
  readonly type?: 'text' | 'password' | 'number'
  readonly required?: boolean
  readonly maxLength?: number
  readonly placeholder?: string
  readonly autoComplete?: 'off' | 'current-password'
  readonly min?: string
  readonly step?: string
  readonly label: ComponentChildren
  readonly value: string
  readonly onValue: (value: string) => void
  /** Of the label. */
  readonly width?: 'short'
}

export function Field({ label, value, onValue, width, type = 'text', ...input }: Props): JSX.Element {
  return (
    <label class={width}>
      <span>{label}</span>
      <input
        {...input}
        type={type as 'text'}
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </label>
  )
}

/** What is wrong with what was entered, said aloud; nothing where there is nothing. */
export function Problem({ text }: { readonly text: string | undefined }): JSX.Element | null {
  return text === undefined ? null : (
    <p class="problem" role="alert">
      {text}
    </p>
  )
}
