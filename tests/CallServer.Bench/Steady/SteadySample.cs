namespace CallServer.Bench.Steady;

/// <summary>A server's resources at one moment.</summary>
/// <param name="At">Time since the measurement began, on the network's clock.</param>
/// <param name="Memory">Resident memory, in bytes.</param>
/// <param name="Database">Size of the record's file and SQLite's files beside it, in bytes.</param>
/// <param name="Connections">Active connections.</param>
internal sealed record SteadySample(TimeSpan At, long Memory, long Database, long Connections);
