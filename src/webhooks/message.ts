// What a receiver is sent: the type of the event, when it happened, and the request as it would be answered to whoever asks for it now.
import type { ClaimedDelivery } from './deliveries.ts'

/** The request as JSON, rendered at the time of the delivery; undefined when it has expired. */
export type DescribeRequest = (accountId: string, jobId: string) => Promise<unknown>

/** undefined: there is nothing left to tell. */
export async function renderMessage(
  delivery: Pick<ClaimedDelivery, 'accountId' | 'jobId' | 'webhookId' | 'event' | 'eventAt'>,
  describeRequest: DescribeRequest,
): Promise<string | undefined> {
  const { accountId, jobId, webhookId, event, eventAt } = delivery
  if (jobId === null) return format('webhook.test', eventAt, { webhook_id: webhookId })
  const data = await describeRequest(accountId, jobId)
  return data === undefined ? undefined : format(`request.${event}`, eventAt, data)
}

function format(type: string, at: Date, data: unknown): string {
  return JSON.stringify({ type, timestamp: at.toISOString(), data })
}
