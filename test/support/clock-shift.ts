/** Loaded first into a process (`--import`, in NODE_OPTIONS): its clock is ahead of the machine's by CLOCK_AHEAD_MS. */
const ahead = Number(process.env['CLOCK_AHEAD_MS'] ?? 0);
const now = Date.now.bind(Date);
Date.now = () => now() + ahead;
