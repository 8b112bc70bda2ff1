import io.reactivex.Observer;
import io.reactivex.disposables.Disposable;
import io.reactivex.observables.ConnectableObservable;
import io.reactivex.subjects.PublishSubject;

/** An observer that has gone still points at the last item it saw, and each item points at the next. */
final class Main implements Observer<byte[]> {
    Disposable subscription;

    public static void main(String[] args) throws Exception {
        PublishSubject<byte[]> source = PublishSubject.create();
        ConnectableObservable<byte[]> replay = source.replay(1);
        replay.connect();
        Main observer = new Main();
        replay.subscribe(observer);
        source.onNext(new byte[64]);
        observer.subscription.dispose();
        Probe.run(5000, 50000, () -> source.onNext(new byte[64]));
        observer.subscription.dispose();
    }

    @Override
    public void onSubscribe(Disposable subscription) {
        this.subscription = subscription;
    }

    @Override
    public void onNext(byte[] item) {}

    @Override
    public void onError(Throwable error) {}

    @Override
    public void onComplete() {}
}
