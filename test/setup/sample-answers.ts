/** Answers as models write them, for what is looked at: pictures, contrast, wide content. */

export const TABLE = `A **hash table** keeps its entries in an array of *buckets*. The place of an entry follows from its key:

$$i = \\left\\lfloor m \\cdot h(k) \\right\\rfloor, \\quad 0 \\le h(k) < 1$$

| Operation | On average | At worst |
| --- | --- | --- |
| look up | $O(1)$ | $O(n)$ |
| insert | $O(1)$ | $O(n)$ |
| list in order | $O(n \\log n)$ | $O(n \\log n)$ |

It is slow where

1. many keys fall into one bucket,
2. it is nearly full, and every insertion makes it grow,
3. the keys are wanted in order: a tree is better then.

See [the lecture notes](https://example.org/hash-tables) for the proof.`

export const CODE = `Here is a small one, with chains:

\`\`\`ts
class HashTable<V> {
  #buckets: [string, V][][] = Array.from({ length: 64 }, () => [])

  set(key: string, value: V): void {
    const bucket = this.#bucketOf(key)
    const entry = bucket.find(([known]) => known === key)
    if (entry) entry[1] = value
    else bucket.push([key, value])
  }

  get(key: string): V | undefined {
    return this.#bucketOf(key).find(([known]) => known === key)?.[1]
  }
}
\`\`\`

Each \`get\` looks through **one** bucket only.`

export const LIST = `In short:

- **Fast**: reading, adding and removing by key.
- **Slow**: anything that needs the keys in order.
- **Beware** of keys that an attacker chooses.
  - Use a keyed hash, such as *SipHash*.

> A good hash function spreads similar keys far apart.`

export const THOUGHTS = `The question has two parts, and both have the same cause.
I should name that cause first, then say what follows from it, from the more common case to the less common one.
A table makes the comparison quick to read.`

export const SKY = `Air scatters short waves far more than long ones (*Rayleigh scattering*):

$$I \\propto \\frac{1}{\\lambda^4}$$

| Light | Wavelength | Share |
| --- | --- | --- |
| blue | 450 nm | 83 % |
| green | 550 nm | 11 % |
| red | 680 nm | 6 % |

So a **blue** sky is scattered sunlight, and at sunset,

1. the light comes a long way through the air,
2. most of its blue has gone elsewhere, and
3. what is left`

export const MOONS = `**Titan**. The next ones are

- Rhea,
- Iapetus,
- Dione.`

/** About 10,000 characters. */
export const LONG = Array.from(
  { length: 12 },
  (_, i) => `# ${i + 1}. A part of a long answer

A long answer has many paragraphs, and whoever reads it wants to know at every moment whose it is and where it ends. The name of the model stays at the top while the text moves below it, and the lines do not grow longer than an eye can follow.

- Each part has a heading, which the *outline* of the page does not know.
- Each list has lines that are longer than a column is wide, so that they wrap and keep their place beside the bullet.

\`\`\`python
def part(number: int) -> str:
    return f"part {number} of a long answer, in a line that is wider than its column is"
\`\`\`

${'The rest of it is filler, written to be long. '.repeat(6)}
`,
).join('\n')

/** What has no place to break a line at. */
export const WIDE = `${'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(2)} https://example.org/${'a'.repeat(160)}

| ${'Spaltenüberschriftenverzeichnis'.repeat(2)} | B | C |
| --- | --- | --- |
| ${'x'.repeat(60)} | ${'y'.repeat(60)} | ${'z'.repeat(60)} |

\`\`\`
${'a line of code that is much wider than the card is '.repeat(4)}
\`\`\`

$$\\sum_{k=0}^{\\infty} a_k x^k = a_0 + a_1 x + a_2 x^2 + a_3 x^3 + a_4 x^4 + a_5 x^5 + a_6 x^6 + a_7 x^7 + a_8 x^8$$

${'一个没有空格的很长的中文句子也必须在卡片的边缘换行'.repeat(4)}`
