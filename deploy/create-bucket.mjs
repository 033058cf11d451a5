// Creates the bucket of BLOB_URL where it is not there yet, waiting for a store that is still starting. A step of compose.yaml, run in
// the image, which holds the S3 client already.
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

const PATIENCE_MS = 60_000

const { BLOB_URL = '', BLOB_ENDPOINT: endpoint, BLOB_REGION: region = 'us-east-1' } = process.env
const bucket = new URL(BLOB_URL).host
const client = new S3Client({ region, ...(endpoint && { endpoint, forcePathStyle: true }) })

for (const start = Date.now(); ; await sleep(500)) {
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    console.log(`created bucket ${bucket}`)
    break
  } catch (error) {
    if (error.name === 'BucketAlreadyOwnedByYou' || error.name === 'BucketAlreadyExists') {
      console.log(`bucket ${bucket} is there`)
      break
    }
    if (Date.now() - start > PATIENCE_MS) throw error
  }
}
client.destroy()
