import { inFile, inStatement, is, type Mutation, source } from './mutation.ts'

export const NODES: Mutation[] = [
  ...inStatement('register-nodes', [
    [
      'DO UPDATE SET last_heartbeat_at = now(),\n    capacity = CASE WHEN kept.self_registered THEN kept.capacity ELSE excluded.capacity END',
      'DO NOTHING',
      'the ids come in the order of the nodes, whichever are new',
    ],
    [
      'ORDER BY node.position',
      'ORDER BY node.position DESC',
      'the ids come in the order of the nodes, whichever are new',
    ],
    [
      'SET last_heartbeat_at = now()',
      'SET last_heartbeat_at = kept.last_heartbeat_at',
      'what is known of a node stays, and it is noted that it is used',
    ],
    [
      'SET last_heartbeat_at = now()',
      'SET last_heartbeat_at = now(), status = excluded.status',
      'what is known of a node stays, and it is noted that it is used',
    ],
    [
      'SET last_heartbeat_at = now()',
      'SET last_heartbeat_at = now(), id = excluded.id',
      'what is known of a node stays, and it is noted that it is used',
    ],
    [
      'USING (family, url)',
      'USING (url)',
      'one address is another node for each family, and one family has a node for each address',
    ],
    [
      'USING (family, url)',
      'USING (family)',
      'one address is another node for each family, and one family has a node for each address',
    ],
    [
      'DO UPDATE SET last_heartbeat_at = now(),\n    capacity = CASE WHEN kept.self_registered THEN kept.capacity ELSE excluded.capacity END',
      'DO NOTHING',
      'two workers that register a node at the same moment get the same id',
    ],
  ]),
  ...inStatement('report-node-calls', [
    [
      'WHEN errors >= $5::integer THEN',
      'WHEN errors > $5::integer THEN',
      'faults in a row are counted, and open the circuit when they are too many',
    ],
    ['    WHEN call.oks > 0 THEN 0\n', '', 'a success ends the row of faults'],
    [
      'seen.error_count + call.faults',
      'seen.error_count + least(call.faults, 1)',
      'several calls that are told of at once count each, and open the circuit for no longer',
    ],
    [
      'least(seen.error_count + call.faults, $5::integer)',
      'seen.error_count + call.faults',
      'several calls that are told of at once count each, and open the circuit for no longer',
    ],
    [
      'WHEN call.oks > 0 THEN',
      'WHEN call.oks > call.faults THEN',
      'a success among them shows that the faults were not in a row',
    ],
    ['ON call.node_id = seen.id', 'ON true', 'each node hears of its own calls only'],
    ['WHERE n.id = j.id', 'WHERE true', 'each node hears of its own calls only'],
    [
      '    WHEN seen.open AND call.probe_ok THEN 0\n',
      '',
      'a probe that succeeds closes the circuit, and the family is told',
    ],
    [
      "WHEN n.status = '429_LIMIT' THEN",
      'WHEN true THEN',
      'a probe that succeeds closes the circuit, and the family is told',
    ],
    [
      'greatest(seen.error_count, $5::integer) + 1',
      'greatest(seen.error_count, $5::integer)',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      'MAX_COOL_DOWN_MS = 300_000',
      'MAX_COOL_DOWN_MS = 600_000',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      'power(2, ',
      'power(1, ',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      `least(${source('errors')} - $5::integer, 20)`,
      `(${source('errors')} - $5::integer)`,
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      ' OR call.probe_fault\n',
      '\n',
      'each probe that fails keeps the circuit open for twice as long, up to five minutes',
    ],
    [
      'greatest(seen.error_count, $5::integer) + 1',
      'seen.error_count + 1',
      'a probe that fails keeps the circuit open that a worker with less patience has opened',
    ],
    [
      '\n  WHERE NOT seen.open OR call.probe_ok OR call.probe_fault',
      '',
      'while the circuit is open only a probe is heard',
    ],
    [
      "bool_or(probe AND how <> 'fault')",
      "bool_or(how <> 'fault')",
      'while the circuit is open only a probe is heard',
    ],
    [
      "bool_or(probe AND how = 'fault')",
      "bool_or(how = 'fault')",
      'while the circuit is open only a probe is heard',
    ],
    [
      'max(rest_ms)',
      'min(rest_ms)',
      'a node that asks for a rest gets it, the longest that was asked for',
    ],
    [
      "    WHEN rest_until > now() THEN '429_LIMIT'\n",
      '',
      'a node that asks for a rest gets it, the longest that was asked for',
    ],
    ['Math.round(restMs)', 'restMs', 'a rest may be asked for in fractions of a millisecond'],
    [
      'greatest(seen.resting_until, now()',
      'greatest(now()',
      'a rest is kept while older calls end well, or end badly',
    ],
    [
      'greatest(seen.resting_until, now()',
      'coalesce(seen.resting_until, now()',
      'a rest is kept while older calls end well, or end badly',
    ],
    [
      'WHEN rest_until > now() THEN',
      'WHEN rest_until IS NOT NULL THEN',
      'a node that has rested may be called again once a call says so',
    ],
    [
      'greatest(j.rest_until, now() + $',
      'greatest(now() + $',
      'a rest is kept when the circuit opens meanwhile',
    ],
    [
      "new_status = 'HEALTHY' AND ",
      '',
      'a probe that is asked for a rest closes the circuit, but nobody is told before its end',
    ],
    [
      " AND old_status <> 'HEALTHY'",
      '',
      'a family is told once, and only when it could not be called before',
    ],
    [
      'SELECT DISTINCT family',
      'SELECT family',
      'a family is told once, and only when it could not be called before',
    ],
    [
      'ORDER BY n.id FOR UPDATE',
      'ORDER BY n.id',
      'faults that are told of at the same moment are all counted',
    ],
    [
      'ORDER BY n.id FOR UPDATE',
      'ORDER BY n.id',
      'a success that meets the opening of the circuit is not heard any more',
    ],
    [
      'ORDER BY n.id FOR UPDATE',
      'ORDER BY array_position($1::uuid[], n.id) FOR UPDATE',
      'reports that name the same nodes in opposite orders do not deadlock',
    ],
  ]),
  ...inStatement('register-nodes', [
    [
      'ELSE excluded.capacity END',
      'ELSE kept.capacity END',
      'what the settings say of a node counts, unless it speaks for itself',
    ],
    [
      'WHEN kept.self_registered THEN',
      'WHEN false THEN',
      'what the settings say of a node counts, unless it speaks for itself',
    ],
    [
      'ORDER BY n.id FOR NO KEY UPDATE OF n',
      'ORDER BY n.url FOR NO KEY UPDATE OF n',
      'known nodes are locked by id, as claims lock them',
    ],
  ]),
  ...inStatement('report-node-calls', [
    [
      "    WHEN old_status = 'BUSY' THEN 'BUSY'\n",
      '',
      'a node that says it is busy stays so, whatever its calls say',
    ],
  ]),
  ...inStatement('forget-old-rows', [
    [
      'n.self_registered AND ',
      '',
      'a node that registered itself and has been silent for a day is forgotten, unless it still holds a task',
    ],
    [
      'NODES_KEPT_H = 24',
      'NODES_KEPT_H = 23',
      'a node that registered itself and has been silent for a day is forgotten, unless it still holds a task',
    ],
    [
      ` AND held.status ${is('PROCESSING')})`,
      ' AND false)',
      'a node that registered itself and has been silent for a day is forgotten, unless it still holds a task',
    ],
  ]),
  ...inStatement('beat-nodes', [
    [
      'WHERE n.id = node.id',
      'WHERE n.id IS NOT NULL',
      'the nodes named were heard of now, and no others',
    ],
    [
      'ORDER BY n.id FOR NO KEY UPDATE',
      'ORDER BY array_position($1::uuid[], n.id) FOR NO KEY UPDATE',
      'beats that name the same nodes in opposite orders do not deadlock',
    ],
  ]),
  ...inStatement('register-self', [
    [
      "kept.status IN ('HEALTHY', 'BUSY') THEN",
      'true THEN',
      'what calls have shown counts for more than what the node says',
    ],
    [
      ', self_registered = true,',
      ',',
      'a node in the settings of a worker speaks for itself from then on',
    ],
    [
      'capacity = excluded.capacity',
      'capacity = kept.capacity',
      'a node that is heard of again keeps its id, and what it says now counts',
    ],
    [
      'last_heartbeat_at = now(),',
      'last_heartbeat_at = kept.last_heartbeat_at,',
      'a node that is heard of again keeps its id, and what it says now counts',
    ],
  ]),
  ...inStatement(
    'choose-nodes',
    [
      [
        'ORDER BY n.id FOR NO KEY UPDATE',
        'ORDER BY n.id',
        'of two claims at the same moment one alone tries the node',
      ],
      [
        'ORDER BY n.id FOR NO KEY UPDATE',
        'ORDER BY n.id',
        'a recovery waits for those who put tasks off, so that none is forgotten',
      ],
      [
        'ORDER BY n.id FOR NO KEY UPDATE',
        `ORDER BY array_position(${source('ids')}::uuid[], n.id) FOR NO KEY UPDATE`,
        'claims that name the same nodes in opposite orders do not deadlock',
      ],
      [
        "WHEN 'triable' THEN load + 1",
        "WHEN 'triable' THEN capacity",
        'once it is time one task alone tries the node, and the others wait for it',
      ],
      [
        'CASE WHEN use.probe THEN now()',
        'CASE WHEN false THEN now()',
        'of two claims at the same moment one alone tries the node',
      ],
      [
        'ORDER BY w.position) AS turn',
        'ORDER BY w.position DESC) AS turn',
        'the first that may run tries the node, not the first that is named',
      ],
      [
        'WHERE NOT w.unheard AND',
        'WHERE',
        'an unheard claim does not take the place of the one that tries the node',
      ],
      [
        "n.state = 'triable' DESC, ",
        '',
        'while one node rests its tasks go to another, and to a node that is to be tried first',
      ],
      [
        "CASE state WHEN 'resting' THEN coalesce(retry_at, now()",
        "CASE state WHEN 'resting' THEN coalesce(NULL, now()",
        'a node that asked for a rest is left alone until then',
      ],
      [
        'coalesce(retry_at, now() + ',
        'coalesce(retry_at, now() + 2 * ',
        'a node that is off without a time to try it is not tried',
      ],
    ],
    'claim-gate',
  ),
  ...inStatement('choose-nodes', [
    [
      'p.loads[n.ordinal] < n.room\n',
      'true\n',
      'a node takes no more tasks than its capacity, and the others wait',
    ],
    [
      'ORDER BY n.id FOR NO KEY UPDATE',
      'ORDER BY n.id',
      'of two claims at the same moment one alone gets the last place',
    ],
    [
      '|| p.loads[chosen.ordinal] + 1 ||',
      '|| p.loads[chosen.ordinal] ||',
      'a node takes no more tasks than its capacity, and the others wait',
    ],
    ['p.loads[n.ordinal] / n.weight, ', '', 'the least loaded node is chosen, by weight'],
    ['/ n.weight, n.pass', ', n.pass', 'the least loaded node is chosen, by weight'],
    [', n.pass, n.id', ', n.id', 'nodes without load take new conversations in turn, by weight'],
    [
      'use.routes / n.weight + ',
      'use.routes + ',
      'nodes without load take new conversations in turn, by weight',
    ],
    [
      'greatest(n.pass,\n',
      'least(n.pass,\n',
      'a node that was away does not catch up on the turns that it has missed',
    ],
    [
      '(n.id = q.route_id) IS TRUE DESC',
      '(q.turn < 0) DESC',
      'a conversation stays with its node, whatever the load',
    ],
    [
      'DO UPDATE SET node_id = excluded.node_id',
      'DO UPDATE SET node_id = conversation_routes.node_id',
      'a conversation whose node is full, rests or is silent goes to another, and stays there',
    ],
    [
      'AND route.family = w.family AND route.slot = w.slot',
      'AND route.family = w.family',
      'each slot of a conversation has a route of its own',
    ],
    [
      'n.id = taken.node_id IS NOT TRUE OR',
      'true OR',
      'two slots of one batch go to different nodes, in one claim or in two',
    ],
    [
      'n.id = taken.node_id IS NOT TRUE OR',
      'true OR',
      'the other slot counts for more than the route of the conversation',
    ],
    [
      "other.state IN ('open', 'busy')",
      "other.state = 'none'",
      'where the only other healthy node is full the second slot waits',
    ],
    [
      " AND other.state IN ('open', 'busy')",
      '',
      'where there is no other healthy node both slots share one',
    ],
    [
      '(q.failures > 0 AND n.id = q.last_node_id) IS TRUE, ',
      '',
      'a task that failed at a node is tried at another where there is one',
    ],
    ['WHERE n.family = q.family AND', 'WHERE', 'a node of another family is never chosen'],
  ]),
  ...inFile('drizzle/statements/node-state.ts', 'test/statements/choose-nodes.test.ts', [
    [
      `WHEN ${source('n')}.status = 'BUSY' THEN 'busy'\n`,
      '',
      'a node that says it is busy is not called',
    ],
    [
      'SILENT_AFTER_S = 30',
      'SILENT_AFTER_S = 35',
      'a node that has been silent for 30 s is not called until it is heard of again',
    ],
    [
      ` AND ${source('n')}.self_registered`,
      '',
      'nodes that register themselves are called by who discovers, and by nobody else',
    ],
    [
      `${source('discover')}::boolean AND `,
      '',
      'nodes that register themselves are called by who discovers, and by nobody else',
    ],
  ]),
  ...inFile('drizzle/statements/node-state.ts', 'test/statements/claim-gate.test.ts', [
    [
      `AND ${source('n')}.retry_at <= now() THEN 'triable'`,
      "THEN 'triable'",
      'while the circuit of its node is open a task is put off until it may be tried',
    ],
    [
      `'429_LIMIT' AND ${source('n')}.retry_at > now()`,
      "'429_LIMIT'",
      'a node that has rested is called by all, and is to hear of a success',
    ],
  ]),
  ...inStatement('take-waiters-if-room', [
    [
      'SET run_after = now(), rung_at = now()',
      'SET rung_at = now()',
      'as many as there is room for are taken, those that were put off first, and are due',
    ],
    [
      'greatest(known.capacity - coalesce(held.tasks, 0), 0)',
      'known.capacity',
      'as many as there is room for are taken, those that were put off first, and are due',
    ],
    [
      'DESC, t.run_after, t.id',
      'DESC, t.run_after DESC, t.id',
      'who was put off again goes behind the others, and holds nobody up',
    ],
    [
      `AND NOT ${source("isUnderWay('t')")}`,
      '',
      'who was taken just now is on its way, and has its place',
    ],
    [
      `WHERE u.family = room.family AND u.waiting_since IS NOT NULL AND ${source("isUnderWay('u')")}`,
      'WHERE false',
      'who was taken just now is on its way, and has its place',
    ],
    ['least(room.most, ', 'greatest(0, ', 'no more are taken than the process can run'],
    [
      '$5::integer * interval',
      '100 * $5::integer * interval',
      'what has waited for too long is taken without any room',
    ],
    [
      'FROM room ORDER BY room.position`',
      'FROM room ORDER BY room.position DESC`',
      'families come in the order asked for, each with its own',
    ],
    [
      'WHERE known.family = asked.family)',
      ')',
      'families come in the order asked for, each with its own',
    ],
    [
      "WHEN 'triable' THEN 1",
      "WHEN 'triable' THEN known.capacity",
      'a node that may be tried has room for one, and one that rests says until when',
    ],
    [
      't.waiting_since IS NOT NULL AND NOT',
      'NOT',
      'a task that was put off for another reason is not taken',
    ],
    [
      'FOR UPDATE SKIP LOCKED',
      'FOR UPDATE',
      'a task that another is dealing with is left to it, and nobody waits',
    ],
  ]),
]
