/** How many files a prompt may have. */
export const MAX_FILES = 10

/** A file as a worker needs it: to fetch it, and to tell a model what it is. */
export type FileRef = {
  file_id: string
  /** As it was called where it was uploaded, or as we call what a model made. */
  name: string
  /** Its media type, by its content. */
  type: string
  bytes: number
  /** In hexadecimal. */
  sha256: string
}
