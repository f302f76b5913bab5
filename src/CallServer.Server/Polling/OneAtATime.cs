using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace CallServer.Server.Polling;

internal static class OneAtATimeExtensions
{
    /// <summary>
    /// Runs for each item, never two at once. Items that arrive during a run are dropped, except that the newest of
    /// those picked by <paramref name="mustFollow"/> runs once more afterwards. Everything must happen on one
    /// scheduler that runs one action at a time.
    /// </summary>
    public static IObservable<TOut> OneAtATime<TIn, TOut>(
        this IObservable<TIn> source,
        Func<TIn, bool> mustFollow,
        Func<TIn, IObservable<TOut>> run
    ) =>
        Observable.Create<TOut>(observer =>
        {
            var running = false;
            var waiting = false;
            var next = default(TIn);
            var current = new SerialDisposable();

            var subscription = source.Subscribe(
                item =>
                {
                    if (!running)
                    {
                        Begin(item);
                    }
                    else if (mustFollow(item))
                    {
                        waiting = true;
                        next = item;
                    }
                },
                observer.OnError,
                observer.OnCompleted
            );
            return StableCompositeDisposable.Create(subscription, current);

            void Begin(TIn item)
            {
                running = true;
                // The slot is filled before the run starts, as it may end at once.
                var slot = new SingleAssignmentDisposable();
                current.Disposable = slot;
                slot.Disposable = run(item).Subscribe(observer.OnNext, observer.OnError, End);
            }

            void End()
            {
                running = false;
                if (!waiting)
                    return;
                waiting = false;
                Begin(next!);
            }
        });
}
