import type { JSX } from 'preact'
import { hideToast, toast } from '../toast.ts'

/** There from the start, so that screen readers hear what appears in it. */
export function ToastRegion(): JSX.Element {
  const shown = toast.value
  return (
    <div class="toast-region" role="status">
      {shown && (
        <p class="toast">
          <span>{shown.text}</span>
          {shown.action && (
            <button
              type="button"
              onClick={() => {
                hideToast()
                shown.action?.run()
              }}
            >
              {shown.action.title}
            </button>
          )}
        </p>
      )}
    </div>
  )
}
