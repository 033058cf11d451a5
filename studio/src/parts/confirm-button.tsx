// A button for what cannot be taken back: asks once more, and forgets that it was asked when one turns to something else.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'

interface Props {
  /** What it does: `Delete`. */
  readonly verb: string
  /** To what, for those who do not see where the button is. */
  readonly what: string
  readonly onConfirm: () => void
}

export function ConfirmButton({ verb, what, onConfirm }: Props): JSX.Element {
  const [isAsking, setAsking] = useState(false)
  const words = isAsking ? `Really ${verb.toLowerCase()}` : verb
  return (
    <button
      type="button"
      class={isAsking ? 'danger' : 'quiet'}
      aria-label={`${words} ${what}`}
      onBlur={() => setAsking(false)}
      onClick={() => {
        setAsking(!isAsking)
        if (isAsking) onConfirm()
      }}
    >
      {isAsking ? `${words}?` : words}
    </button>
  )
}
