import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { AwsClient } from 'aws4fetch'
import type { Miniflare } from 'miniflare'
import type { R2Bucket } from '../../edge/stores/r2.ts'
import type { S3Settings } from '../../edge/stores/s3.ts'

/** The keys of all objects that a store has, complete or not. */
export type ObjectKeys = () => Promise<string[]>

export function keysInFolder(folder: string): ObjectKeys {
  return async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    return files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
  }
}

export function keysInS3(s3: S3Settings): ObjectKeys {
  const client = new AwsClient({ ...s3, service: 's3' })
  return async () => {
    const list = await client.fetch(`${s3.endpoint}/${s3.bucket}`)
    return [...(await list.text()).matchAll(/<Key>([^<]+)</g)].map(([, key]) => key!)
  }
}

/** What we use of a bucket, and the list of its objects. */
type ListedBucket = R2Bucket & { list(): Promise<{ objects: { key: string }[] }> }

export async function bucketOf(miniflare: Miniflare): Promise<ListedBucket> {
  return (await miniflare.getR2Bucket('FILES')) as unknown as ListedBucket
}

export function keysInR2(miniflare: Miniflare): ObjectKeys {
  return async () => {
    const { objects } = await (await bucketOf(miniflare)).list()
    return objects.map(({ key }) => key)
  }
}
