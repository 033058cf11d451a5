// What a refusal or a silence of S3 means for whoever set it up, or that trying again may help.
import { AppError } from '../errors.ts'
import { BlobStoreError } from './blobs.ts'

interface S3Error extends Error {
  readonly code?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number }
}

interface Place {
  readonly bucket: string
  readonly endpoint: string | undefined
}

const REFUSED_CREDENTIALS = [
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'TokenRefreshRequired',
]
const OTHER_REGION = ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']
const RIGHTS = 's3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket'

/** There is no such blob; not: there is no such bucket. */
export function isNotFound(error: unknown): boolean {
  const name = error instanceof Error ? error.name : ''
  return name === 'NoSuchKey' || name === 'NotFound'
}

/**
 * BlobStoreError for what stays wrong until somebody changes a setting; AppError `unavailable`, with the words for an operator as its
 * cause, for what may pass.
 */
export function explainS3Error(error: unknown, place: Place): Error {
  const { name, message, code, $metadata } = error as S3Error
  const status = $metadata?.httpStatusCode
  const where = `the bucket ${place.bucket} at ${place.endpoint ?? 'Amazon S3'}`
  const wrong = (words: string) => new BlobStoreError(words, { cause: error })

  if (name === 'NoSuchBucket') return wrong(`There is no such bucket: ${where}. Make it, or correct BLOB_URL.`)
  if (name === 'CredentialsProviderError') {
    return wrong(
      `No credentials for ${where}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role.`,
    )
  }
  if (REFUSED_CREDENTIALS.includes(name)) {
    return wrong(
      `The credentials for ${where} are refused (${name}). Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
    )
  }
  if (OTHER_REGION.includes(name) || status === 301) {
    return wrong(`${where} is in another region (${name}). Set BLOB_REGION to that of the bucket.`.replace(/^t/, 'T'))
  }
  if (message === 'Region is missing') return wrong(`Which region is ${where} in? Set BLOB_REGION.`)
  if (status === 403 || name === 'AccessDenied') {
    return wrong(`The credentials do not allow this on ${where} (${name}). They need ${RIGHTS}.`)
  }
  const isOurs = status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429
  const what = [...new Set([name, code, message])].filter((word) => word && word !== 'Error').join(', ')
  if (isOurs) return wrong(`${where} refused a request (${status} ${what}).`.replace(/^t/, 'T'))
  return new AppError('unavailable', 'Service temporarily unavailable', {
    retryAfterSeconds: 5,
    cause: wrong(`${where} does not answer as it should (${what}).`.replace(/^t/, 'T')),
  })
}
