// One host of a fleet that asks nobody, for tests: CallServer.Member NAME ADDRESS:PORT postgres://… UNITS, with the password in
// STORE_PASSWORD. Whenever what it holds changes, or whether it may ask, it prints that as a line of JSON. SIGUSR1 has another host
// claim its lowest unit. It ends with 0, and with 70 if it could not stay in the fleet.
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using CallServer.Fleet;
using CallServer.Member;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

if (!PostgresAddress.TryParse(args[2], out var address, out var mistake))
    throw new ArgumentException(mistake);
var store = new PostgresStoreOptions
{
    Address = address,
    Password = Environment.GetEnvironmentVariable("STORE_PASSWORD"),
};
FleetDatabase.Prepare(store);

var units = new RememberedUnits();
var builder = Host.CreateApplicationBuilder();
builder.Logging.ClearProviders().AddConsole(log => log.LogToStandardErrorThreshold = LogLevel.Trace);
builder.AddFleet(
    new FleetOptions
    {
        Name = args[0],
        Listen = IPEndPoint.Parse(args[1]),
        Units = int.Parse(args[3], CultureInfo.InvariantCulture),
        Members = FleetDatabase.Members(store),
        OpenUnits = _ => units,
    }
);
using var host = builder.Build();
var gate = host.Services.GetRequiredService<IFleetGate>();
using var claim = PosixSignalRegistration.Create(
    (PosixSignal)10, // SIGUSR1, which has no name there
    signal =>
    {
        signal.Cancel = true;
        units.Refuse(units.Held.Keys.Min());
    }
);
await host.StartAsync();
var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
var told = "";
void Tell()
{
    var now = JsonSerializer.Serialize(new { gate.MayAsk, units.Held });
    if (now != told)
        Console.WriteLine(told = now);
}

using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
while (!stopping.IsCancellationRequested)
{
    Tell();
    await ticks.WaitForNextTickAsync(CancellationToken.None);
}

await host.WaitForShutdownAsync();
Tell();
return host.Services.GetRequiredService<FleetEnd>().HasCome ? 70 : 0;
