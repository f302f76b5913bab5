namespace CallServer.Bench.Steady;

/// <summary>What a server takes at one moment.</summary>
/// <param name="At">Since the measure began, as the network's clock would tell it.</param>
/// <param name="Memory">Resident, in bytes.</param>
/// <param name="Database">Of its file of the record and what SQLite keeps beside it, in bytes.</param>
/// <param name="Connections">Active.</param>
internal sealed record SteadySample(TimeSpan At, long Memory, long Database, long Connections);
